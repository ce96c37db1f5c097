package reply_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/reply"
)

const setCookie = "Set-Cookie"

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

// own is a header with cookies of the plugin.
func own(lines ...string) http.Header { return http.Header{setCookie: lines} }

// serve answers a request through a Reply that is attached before the handler runs.
func serve(t *testing.T, handler func(*gin.Context, *reply.Reply)) http.Header {
	t.Helper()
	recorder := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(recorder)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	below, r := c.Writer, &reply.Reply{}
	r.Attach(c)
	handler(c, r)
	below.WriteHeaderNow() // as Gin does
	return recorder.Result().Header
}

// send sends cookies as the plugin does.
func send(c *gin.Context, r *reply.Reply, lines ...string) {
	r.Send(r.Header(c, c.Request.Context()), own(lines...))
}

// TestCookiesSurvive: a handler that deletes the cookies and loosens the caching still sends both, in whichever way it
// writes.
func TestCookiesSurvive(t *testing.T) {
	for name, write := range map[string]func(c *gin.Context){
		"Write":          func(c *gin.Context) { _, _ = c.Writer.Write([]byte("x")) },
		"WriteString":    func(c *gin.Context) { _, _ = c.Writer.WriteString("x") },
		"WriteHeader":    func(c *gin.Context) { c.Writer.WriteHeader(http.StatusNoContent) },
		"WriteHeaderNow": func(c *gin.Context) { c.Writer.WriteHeaderNow() },
		"Flush":          func(c *gin.Context) { c.Writer.Flush() },
		"controller":     func(c *gin.Context) { _ = http.NewResponseController(c.Writer).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, func(c *gin.Context, r *reply.Reply) {
				send(c, r, "s=1")
				c.Writer.Header().Del(setCookie)
				c.Header("Cache-Control", "public")
				c.Writer.Header().Add(setCookie, "app=2")
				write(c)
			})
			if !slices.Contains(h[setCookie], "s=1") || !slices.Contains(h[setCookie], "app=2") {
				t.Errorf("cookies %q", h[setCookie])
			}
			if cc := h.Get("Cache-Control"); cc != "private, no-store" || h.Get("Vary") != "Cookie" {
				t.Errorf("Cache-Control %q, Vary %q", cc, h.Get("Vary"))
			}
		})
	}
}

// TestPassesOn: the writer passes on what it is given.
func TestPassesOn(t *testing.T) {
	recorder := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(recorder)
	(&reply.Reply{}).Attach(c)
	c.Writer.WriteHeader(http.StatusAccepted)
	_, err := c.Writer.Write([]byte("a"))
	_, stringErr := c.Writer.WriteString("b")
	if recorder.Code != http.StatusAccepted || recorder.Body.String() != "ab" || errors.Join(err, stringErr) != nil {
		t.Errorf("%d %q, %v, %v", recorder.Code, recorder.Body, err, stringErr)
	}
	if c.Writer.Flush(); !recorder.Flushed {
		t.Error("not flushed")
	}
}

// TestKeepPrivate: a response that depends on the user is marked without any cookie.
func TestKeepPrivate(t *testing.T) {
	h := serve(t, func(c *gin.Context, r *reply.Reply) {
		r.KeepPrivate(r.Header(c, c.Request.Context()))
		c.String(http.StatusOK, "x")
	})
	if h.Get("Cache-Control") != "private, no-store" || h.Get("Vary") != "Cookie" {
		t.Errorf("%v", h)
	}
}

// TestUnwrap: http.ResponseController reaches what the writer wraps.
func TestUnwrap(t *testing.T) {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	below := c.Writer
	(&reply.Reply{}).Attach(c)
	if w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); !ok || w.Unwrap() != http.ResponseWriter(below) {
		t.Errorf("%T", c.Writer)
	}
}

// TestWithoutCookies: a response to which the plugin adds nothing is the handler's alone.
func TestWithoutCookies(t *testing.T) {
	h := serve(t, func(c *gin.Context, r *reply.Reply) {
		send(c, r, "s=1")
		send(c, r) // withdrawn
		c.Writer.Header().Del("Vary")
		c.Header("Cache-Control", "public")
		c.String(http.StatusOK, "x")
	})
	if len(h[setCookie]) > 0 || h.Get("Cache-Control") != "public" {
		t.Errorf("%v", h)
	}
}

// TestSendReplaces: cookies that are outdated are not sent, and those of the app stay.
func TestSendReplaces(t *testing.T) {
	h := serve(t, func(c *gin.Context, r *reply.Reply) {
		c.Writer.Header().Add(setCookie, "app=1")
		send(c, r, "s=1", "t=1")
		set := r.Cookies()
		set.Set(setCookie, "s=2") // of the caller alone
		if again := r.Cookies()[setCookie]; !slices.Equal(again, []string{"s=1", "t=1"}) {
			t.Errorf("Cookies shares its memory: %q", again)
		}
		r.Send(r.Header(c, c.Request.Context()), set)
		c.String(http.StatusOK, "x")
	})
	if want := []string{"app=1", "s=2"}; !slices.Equal(h[setCookie], want) {
		t.Errorf("%q, want %q", h[setCookie], want)
	}
}

// TestSendTooLate: cookies that cannot be sent now are sent with the headers, unless these are sent already.
func TestSendTooLate(t *testing.T) {
	for _, written := range []bool{false, true} {
		h := serve(t, func(c *gin.Context, r *reply.Reply) {
			if written {
				c.Writer.WriteHeaderNow()
			}
			r.Send(nil, own("s=1"))
			c.String(http.StatusOK, "x")
		})
		if sent := slices.Contains(h[setCookie], "s=1"); sent == written {
			t.Errorf("written %v: %q", written, h[setCookie])
		}
	}
}

// TestShow: only a page that a window shows to a user stays out of its history.
func TestShow(t *testing.T) {
	for _, shown := range []bool{false, true} {
		h := serve(t, func(c *gin.Context, r *reply.Reply) {
			r.Show(true)
			r.Show(shown)
			c.String(http.StatusOK, "x")
		})
		if got := strings.Contains(h.Get("Cache-Control"), "no-store"); got != shown {
			t.Errorf("shown %v: %v", shown, h)
		}
	}
}

// TestHeader: the header is that of the writer that c has now; from another context it is that of the start, until the
// request is over, because a timeout middleware may write its own response then.
func TestHeader(t *testing.T) {
	serve(t, func(c *gin.Context, r *reply.Reply) {
		start := c.Writer.Header()
		request, end := context.WithCancel(c.Request.Context())
		derived, stop := context.WithCancel(request)
		start.Set("X", "start")
		if r.Header(derived, request).Get("X") != "start" {
			t.Error("from a derived context")
		}
		stop()
		if r.Header(derived, request) != nil {
			t.Error("a derived context that is over")
		}
		end()
		if r.Header(context.Background(), request) != nil {
			t.Error("a request that is over")
		}
		if r.Header(c, request).Get("X") != "start" {
			t.Error("a gin.Context ends with its handler alone")
		}
		other := httptest.NewRecorder()
		inner, _ := gin.CreateTestContext(other)
		c.Writer = inner.Writer
		if r.Header(c, request).Get("X") != "" {
			t.Error("another writer")
		}
	})
}

// TestOtherWriter: the header is that of whichever writer other middleware has put in place.
func TestOtherWriter(t *testing.T) {
	serve(t, func(c *gin.Context, _ *reply.Reply) {
		c.Header("X", "of the app")
		c.Writer = struct{ gin.ResponseWriter }{c.Writer}
		if h := reply.HeaderOf(c); h.Get("X") != "of the app" {
			t.Errorf("%v", h)
		}
	})
}

// TestCopy: a copy of a gin.Context, and one without a writer, send nothing.
func TestCopy(t *testing.T) {
	serve(t, func(c *gin.Context, _ *reply.Reply) {
		r := &reply.Reply{}
		for name, c := range map[string]*gin.Context{"copy": c.Copy(), "no writer": {}} {
			before := c.Writer
			r.Attach(c)
			if h := r.Header(context.Background(), t.Context()); reply.HeaderOf(c) != nil || h != nil || c.Writer != before {
				t.Errorf("%s: %v", name, reply.HeaderOf(c))
			}
		}
	})
}

// TestCollect: cookies for a response that others send end up in the given header.
func TestCollect(t *testing.T) {
	h, r := http.Header{}, &reply.Reply{}
	r.Collect(h)
	r.Send(r.Header(t.Context(), t.Context()), own("s=1"))
	if !slices.Equal(h[setCookie], []string{"s=1"}) || h.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%v", h)
	}
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	if r.Header(over, t.Context()) != nil {
		t.Error("after the end")
	}
}
