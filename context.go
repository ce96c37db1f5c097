package ginoidc

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/gin-gonic/gin"
)

// visitKey finds the visit of the guard or Middleware that ran last, whatever its Auth. A *core finds that of its own.
type visitKey struct{}

// Value finds the visit itself and otherwise what the parent context holds. A request may be made with the context of
// another, such as by http.NewRequestWithContext: the visits of that one are none of its.
func (v *visit) Value(key any) any {
	switch key := key.(type) {
	case visitKey:
		if !v.quiet {
			return v
		}
	case *core:
		if key == v.auth {
			return v
		}
		if v.first {
			return nil
		}
	}
	return v.Context.Value(key)
}

// visit returns the request's visit, and starts one where neither Middleware nor a guard has.
func (a *core) visit(c *gin.Context) *visit {
	if v := visitAt(c, a); v != nil {
		return v
	}
	return a.start(c, true)
}

// attend is visit for guards and Middleware: whom [UserFrom] returns is theirs to say.
func (a *core) attend(c *gin.Context) *visit {
	if v := visitAt(c, visitKey{}); v != nil && v.auth == a {
		return v
	}
	v := visitAt(c, a)
	if v == nil {
		return a.start(c, false)
	}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), visitKey{}, v))
	return v
}

func (a *core) start(c *gin.Context, quiet bool) *visit {
	first := visitAt(c, visitKey{}) == nil
	v := &visit{Context: c.Request.Context(), auth: a, gin: c, first: first, quiet: quiet && !first}
	if v.header = headerOf(c); v.header != nil {
		v.writer = writer{c.Writer, v}
		c.Writer = &v.writer
	}
	v.request = c.Request
	c.Request = c.Request.WithContext(v)
	return v
}

// visitAt returns the visit of c's request that key finds, nil when there is none.
func visitAt(c *gin.Context, key any) *visit {
	if c.Request == nil {
		return nil
	}
	v, ok := c.Request.Context().Value(key).(*visit)
	if !ok || !v.serves(c) {
		return nil
	}
	return v
}

// visitIn returns the visit that key finds in ctx. That may be a *gin.Context or be derived from one, which has the
// values of its request's context only with ContextWithFallback.
func visitIn(ctx context.Context, key any) *visit {
	if c, ok := ctx.(*gin.Context); ok {
		return visitAt(c, key)
	}
	if v, ok := ctx.Value(key).(*visit); ok {
		return v
	}
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		return visitAt(c, key)
	}
	return nil
}

// serves tells whether c is at work on the visit's own request, and not on another that was made with its context.
func (v *visit) serves(c *gin.Context) bool {
	of, own := c.Request, v.request
	if own.Header != nil && reflect.ValueOf(of.Header).Pointer() == reflect.ValueOf(own.Header).Pointer() {
		return true // http.Request.WithContext keeps the header, and so does gin.Context.Copy
	}
	// A middleware may have put a clone in its place. Gin uses its contexts again, so the same one is not proof enough.
	return c == v.gin && v.Err() == nil && slices.Equal(of.Header["Cookie"], own.Header["Cookie"])
}

// requestContext is ctx, or the context of its request if that is a *gin.Context: without ContextWithFallback these are
// never done, and they are another request's as soon as theirs has ended.
func requestContext(ctx context.Context) context.Context {
	if c, ok := ctx.(*gin.Context); ok && c.Request != nil {
		return c.Request.Context()
	}
	return ctx
}

// headerOf is the header that c sends as things are: a middleware may put another writer in its place, with a header of
// its own, at any time. A copy of a gin.Context sends nothing and has none.
func headerOf(c *gin.Context) http.Header {
	if c.Writer == nil {
		return nil
	}
	if w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); ok && w.Unwrap() == nil {
		return nil
	}
	return c.Writer.Header()
}

// UserFrom returns the signed-in user. false: nobody is, the session store cannot answer, or neither Middleware nor
// a guard ran before. It is meant for the request's own goroutine. With several Auths in one engine it asks that whose
// guard or Middleware ran last; [Auth.UserFrom] asks a certain one.
func UserFrom(c *gin.Context) (*User, bool) {
	return visitAt(c, visitKey{}).signedInUser(c)
}

// UserFromContext is UserFrom for code that has the request's context only, or one derived from it. The first use of a
// request marks the response as private and so belongs into the request's own goroutine; later ones may come from any.
// A *gin.Context, or what is derived from one, will do until the request ends and no longer: Gin gives it to another
// request then.
func UserFromContext(ctx context.Context) (*User, bool) {
	return visitIn(ctx, visitKey{}).signedInUser(ctx)
}

// UserFrom returns the user who is signed in by this Auth, whichever guard ran. It needs no Middleware.
func (a *Auth) UserFrom(c *gin.Context) (*User, bool) {
	if c.Request == nil {
		return nil, false
	}
	return a.visit(c).signedInUser(c)
}

func (v *visit) signedInUser(ctx context.Context) (*User, bool) {
	if v == nil {
		return nil, false
	}
	u, err := v.open(ctx)
	return u, err == nil && u != nil
}
