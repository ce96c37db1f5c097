package provider

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// times holds the required times of a token and the time of the check, in seconds.
type times struct{ iat, exp, now float64 }

// checkTimes accepts a token that is valid now, within the leeway.
func (p *Provider) checkTimes(op string, claims Claims) (times, error) {
	now := float64(time.Now().UnixMilli()) / 1000
	tolerance := p.tolerance.Seconds()
	exp, hasExp := seconds(claims["exp"])
	iat, hasIat := seconds(claims["iat"])
	nbf, hasNbf := seconds(claims["nbf"]) // 0 if absent
	switch {
	case !hasExp || !hasIat || claims["nbf"] != nil && !hasNbf:
		return times{},
			badToken(op, "bad_time", "exp and iat are required, and they and nbf must be between the years 1970 and 9999")
	case now >= exp+tolerance:
		return times{}, clockSkew(op, "expired", exp, now)
	case iat > now+tolerance:
		return times{}, clockSkew(op, "issued in the future", iat, now)
	case nbf > now+tolerance:
		return times{}, clockSkew(op, "not valid yet", nbf, now)
	}
	return times{iat: iat, exp: exp, now: now}, nil
}

func clockSkew(op, what string, at, now float64) *Error {
	return badToken(op, "clock_skew", "%s (at %.15g, this host's clock says %.15g): check both clocks", what, at, now)
}

// Time reads a claim that is a NumericDate (RFC 7519 section 2), in whole seconds. It returns the zero time if the
// claim is absent or not a valid time.
func (c Claims) Time(name string) time.Time {
	at, ok := seconds(c[name])
	if !ok || at < 1 {
		return time.Time{}
	}
	return time.Unix(int64(at), 0).UTC()
}

// SessionExpiry returns when the provider wants a session to end: the claim session_expiry of its ID token (OpenID
// Connect Enterprise Extensions 1.0), or the zero time if there is none. A claim that cannot be read is an error,
// since the session would otherwise outlive what the provider allows.
func (c Claims) SessionExpiry() (time.Time, error) {
	if c["session_expiry"] == nil {
		return time.Time{}, nil
	}
	at := c.Time("session_expiry")
	if at.IsZero() {
		return time.Time{}, errors.New("session_expiry is not a time in seconds")
	}
	return at, nil
}

// seconds reads a NumericDate from the years 1970 to 9999 (RFC 7519 section 2). Others are mistakes, such as
// milliseconds, or chosen to overflow into another time.
func seconds(value any) (float64, bool) {
	number, _ := value.(json.Number)
	f, err := number.Float64()
	return f, err == nil && f >= 0 && f < wire.MaxSeconds+1
}
