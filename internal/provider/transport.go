package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultTimeout = 5 * time.Second
	maxBody        = 1 << 20 // after decompression
	maxHeader      = 64 << 10
	maxCalls       = 512 // of each kind at once; more would only queue behind a slow provider
	maxRetryAfter  = 5 * time.Minute
)

// limits bounds what one provider can use of this process.
type limits struct {
	call               time.Duration // one HTTP exchange, body included
	body               int           // bytes of one response, after decompression
	calls              int           // of each kind at once
	keys               int           // of a key set
	tokens, tokenBytes int           // of each cache of access tokens
	idle               int           // connections to each host
	idleTime           time.Duration
}

// defaultLimits are those of a provider that the operator chose.
func defaultLimits(call time.Duration) limits {
	return limits{call: call, body: maxBody, calls: maxCalls, keys: maxKeys, tokens: maxCachedTokens,
		tokenBytes: maxCachedBytes, idle: 8, idleTime: 90 * time.Second}
}

// total limits one call of an exported method, including everything it waits for.
func (l limits) total() time.Duration { return 2 * l.call }

// connect limits a dial, and separately the TLS handshake. It leaves time for the response.
func (l limits) connect() time.Duration { return l.call * 3 / 5 }

// newTransport returns the transport of all back-channel calls. HTTP/1.1 is enough for a few calls per sign-in and has
// few failure modes. The certificate may be nil.
func newTransport(roots *x509.CertPool, certificate *tls.Certificate, limits limits) *http.Transport {
	dialer := &net.Dialer{Timeout: limits.connect(), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        TLSConfig(roots, certificate),
		TLSHandshakeTimeout:    limits.connect(),
		ResponseHeaderTimeout:  limits.call,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    limits.idle,
		IdleConnTimeout:        limits.idleTime,
	}
}

// backend makes the calls to the provider. It uses the RoundTripper directly, so redirects are never followed and no
// bearer token, code or secret reaches another host.
type backend struct {
	transport http.RoundTripper
	limits    limits
	public    bool          // calls go to public addresses only
	visitors  chan struct{} // slots for calls that anyone can cause
	bearers   chan struct{} // slots for calls about tokens in requests, which anyone can send
	members   chan struct{} // slots for all other calls
	nonces    nonces
	report    func(context.Context, Event)
	observe   func(context.Context, Call) // nil: nobody listens
}

func newBackend(transport http.RoundTripper, limits limits, report func(context.Context, Event)) *backend {
	slots := func() chan struct{} { return make(chan struct{}, limits.calls) }
	return &backend{
		transport: transport, limits: limits, report: report, visitors: slots(), bearers: slots(), members: slots(),
	}
}

// slots returns the semaphore of a kind of call. Hundreds of forged callbacks that wait for a slow provider take no
// slot from the calls for signed-in users, nor from the fetches of metadata and keys that everyone needs.
func (b *backend) slots(op string) chan struct{} {
	switch op {
	case opToken, opUserInfo, opPush: // part of a sign-in
		return b.visitors
	case opIntrospection: // caused by forged tokens too, which must not keep anyone from signing in
		return b.bearers
	}
	return b.members
}

// answer is one complete HTTP response, its body decompressed.
type answer struct {
	status int
	header http.Header
	body   []byte
	tls    *tls.ConnectionState // nil without TLS
}

// do makes one call and reads the whole response, within the limits of time and size. Redirects, overload and server
// errors become an *Error; the caller judges every other status. The body of an error response is logged, quoted and
// truncated, without the request's credentials and the given secrets.
func (b *backend) do(op string, req *http.Request, secrets ...string) (*answer, error) {
	if b.public && namesPrivate(req.URL) {
		return nil, privateAddress(op, req.URL)
	}
	slots := b.slots(op)
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	default:
		return nil, &Error{Kind: Unavailable, Op: op, Code: "too_many_calls", RetryAfter: time.Second,
			Err: fmt.Errorf("%d calls to the provider are waiting already", b.limits.calls)}
	}
	return b.exchange(op, req, secrets)
}

// roundTrip sends the request and reads the response.
func (b *backend) roundTrip(op string, req *http.Request, secrets []string) (*answer, error) {
	ctx, cancel := context.WithTimeout(req.Context(), b.limits.call)
	defer cancel()
	resp, err := b.transport.RoundTrip(req.WithContext(ctx))
	if errors.Is(err, errPrivateAddress) {
		return nil, privateAddress(op, req.URL)
	}
	if err != nil {
		return nil, connectionError(ctx, op, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(b.limits.body)+1))
	if err == nil { // a timeout here can look like the end of a body without a length
		err = ctx.Err()
	}
	if err != nil {
		if timedOut(ctx, err) {
			return nil, &Error{Kind: Unavailable, Op: op, Code: "timeout", Err: quotedError{err}}
		}
		return nil, invalid(op, "broken_body", "reading the response: %w", quotedError{err})
	}
	if len(body) > b.limits.body {
		return nil, invalid(op, "body_too_large", "the response is larger than %d bytes", b.limits.body)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body, tls: resp.TLS}
	b.nonces.keep(req.URL, a.nonce())
	if a.status >= 300 && !a.wantsNonce() { // a success may hold tokens, and asking for a nonce is not an error
		b.report(ctx, Event{Level: slog.LevelWarn, Text: "the provider returned an error", Attrs: []slog.Attr{
			slog.String("op", op), slog.Int("status", a.status),
			slog.String("body", cut(redact(string(body), append(secrets, credentials(req), req.Header.Get("DPoP"))))),
		}})
	}
	return a, statusError(op, a)
}

// get fetches a public document. The answer to an error of the provider is returned in addition to the error.
func (b *backend) get(ctx context.Context, op, address string) (*answer, error) {
	a, err := b.load(ctx, op, address, "application/json")
	if err == nil && a.status != http.StatusOK {
		err = unexpectedStatus(op, a)
	}
	return a, err
}

// load makes a GET request without credentials, for a document or, as a browser without cookies would, for a page.
func (b *backend) load(ctx context.Context, op, address, mediaType string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, misconfigured(op, "bad_url", "%w", quotedError{err})
	}
	req.Header.Set("Accept", mediaType)
	return b.do(op, req)
}

// connectionError returns the error for a call without a response: Unavailable if the provider cannot be reached,
// Invalid if it can but does not speak HTTP or TLS correctly.
func connectionError(ctx context.Context, op string, err error) *Error {
	switch {
	case badTLS(err):
		return &Error{Kind: Invalid, Op: op, Code: "tls", Err: quotedError{err}}
	case timedOut(ctx, err):
		return &Error{Kind: Unavailable, Op: op, Code: "timeout", Err: quotedError{err}}
	case unreachable(err):
		return &Error{Kind: Unavailable, Op: op, Code: "unreachable", Err: quotedError{err}}
	}
	return &Error{Kind: Invalid, Op: op, Code: "not_http", Err: quotedError{err}}
}

func unreachable(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func timedOut(ctx context.Context, err error) bool {
	var netErr net.Error
	return ctx.Err() != nil || errors.As(err, &netErr) && netErr.Timeout()
}

func badTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	// TLS alerts
	return errors.As(err, &certificate) || errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

func statusError(op string, a *answer) error {
	switch {
	case a.status >= 300 && a.status < 400:
		return invalid(op, "redirect", "the provider responded with a redirect (%d), which is never followed", a.status)
	case a.status == http.StatusTooManyRequests || a.status >= 500:
		return &Error{Kind: Unavailable, Op: op, Code: "provider_status", RetryAfter: retryAfter(a.header),
			Err: fmt.Errorf("the provider answered %d", a.status)}
	}
	return nil
}

func unexpectedStatus(op string, a *answer) *Error {
	if a.wantsNonce() {
		return invalid(op, "use_dpop_nonce", "the provider asks for another DPoP nonce again, or for DPoP, which is off")
	}
	return invalid(op, "provider_status", "the provider answered %d", a.status)
}

// retryAfter reads both forms of Retry-After (RFC 9110 section 10.2.3).
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	wait := maxRetryAfter
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		wait = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else {
		at, _ := http.ParseTime(value) // in the year 1 if it is no time either
		wait = time.Until(at)
	}
	return max(0, min(wait, maxRetryAfter))
}

func isJSON(header http.Header) bool {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}

// object reads the JSON object of a successful response.
func (a *answer) object(op string) (document, error) {
	if !isJSON(a.header) {
		return nil, invalid(op, "bad_content_type", "the response is %s, not application/json",
			excerpt(a.header.Get("Content-Type")))
	}
	object, err := decodeObject(a.body, maxBody)
	if err != nil {
		return nil, invalid(op, "bad_answer", "%w", err)
	}
	return object, nil
}

// redact removes our own secrets, plain or form-encoded, from a body that may echo the request. The longest go first:
// if a shorter one is part of it, the rest would stay.
func redact(body string, secrets []string) string {
	longestFirst := func(a, b string) int { return len(b) - len(a) }
	for _, secret := range slices.SortedFunc(slices.Values(secrets), longestFirst) {
		if secret != "" {
			body = strings.NewReplacer(secret, "[redacted]", url.QueryEscape(secret), "[redacted]").Replace(body)
		}
	}
	return body
}

func credentials(req *http.Request) string {
	_, value, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	return value
}
