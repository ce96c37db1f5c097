package ginoidc

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// newChecker connects the re-checks of a provider's sessions with it, or returns nil if there are none.
func newChecker(a *core, rp *relyingParty) *recheck.Checker {
	cfg := &a.config
	if cfg.RecheckEvery == 0 {
		return nil
	}
	return recheck.New(recheck.Config{
		Values: a.values.Values, Every: cfg.RecheckEvery, Grace: cfg.RecheckGrace, Background: cfg.RecheckInBackground,
		Limit: rp.refresher.MaxTime() + rp.redeemLimit() + hooksLimit, Wait: rp.settings.Timeout, Log: rp.log,
		Ended: func(ctx context.Context, r *session.Record) (bool, error) {
			return rp.ledger.Ended(ctx, rp.ledger.RefOf(r))
		},
		Read: func(ctx context.Context, r *session.Record, tokens []byte) (recheck.Answer, error) {
			return rp.reread(ctx, a, r, tokens)
		},
		End: rp.endChecked,
		Report: func(ctx context.Context, e recheck.Event, r *session.Record, err error) {
			kind := map[recheck.Event]eventKind{
				recheck.Failed: eventRecheckFailed, recheck.NotShared: eventRecheckNotShared,
				recheck.LeaseNotReleased: eventLeaseNotReleased,
			}[e]
			rp.emit(ctx, event{kind: kind, subject: r.Subject, sid: r.SID, err: err})
		},
	})
}

// validateRecheck reports settings of re-checks that cannot work or have no effect.
func (c *Config) validateRecheck(found *problems) {
	switch {
	case c.RecheckEvery == 0 && c.RecheckGrace != 0:
		found.add("RecheckGrace", "is set without RecheckEvery", "set RecheckEvery, or leave it out")
	case c.RecheckEvery == 0 && c.RecheckInBackground:
		found.add("RecheckInBackground", "is set without RecheckEvery", "set RecheckEvery, or leave it out")
	case c.RecheckEvery == 0:
	case c.RecheckEvery < time.Second || c.RecheckEvery > c.SessionLifetime:
		found.add("RecheckEvery", fmt.Sprintf("%s is not between a second and SessionLifetime", c.RecheckEvery),
			"use a duration such as 5m, or leave it out")
	case c.RecheckGrace < time.Second:
		found.add("RecheckGrace", fmt.Sprintf("%s is below a second", c.RecheckGrace), "use a duration such as 10m")
	}
}

// keepsTokens reports whether sessions keep the tokens of the sign-in, for the app or for re-checks.
func (c *Config) keepsTokens() bool { return c.KeepTokens || c.RecheckEvery > 0 }

// endChecked ends a session because its user may no longer sign in. Tokens that are still valid are revoked.
func (rp *relyingParty) endChecked(
	ctx context.Context, r *session.Record, answer recheck.Answer, refusal error,
) error {
	rp.emit(ctx, event{kind: eventRecheckRefused, subject: r.Subject, sid: r.SID, err: refusal})
	end := SessionEnd{Subject: r.Subject, SID: r.SID, Reason: EndedByRecheck}
	if err := rp.ledger.endListed(ctx, rp.ledger.RefOf(r), end); err != nil {
		return err
	}
	rp.refresher.Revoke(ctx, r, decodedTokens(answer.Tokens))
	return nil
}
