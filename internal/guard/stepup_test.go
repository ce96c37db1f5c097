package guard_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/guard"
)

// TestStepUpAge: a sign-in is recent, or another one is requested, or that has been tried.
func TestStepUpAge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := func(d time.Duration) time.Time { return now.Add(-d) }
	const limit, tolerance = 5 * time.Minute, time.Minute
	needed := &guard.StepUp{MaxAge: limit}
	for _, test := range []struct {
		name string
		in   guard.SignIn
		want *guard.StepUp
		err  error
	}{
		{"just now", guard.SignIn{AuthTime: now, AskedMaxAge: -1}, nil, nil},
		{"at the limit", guard.SignIn{AuthTime: before(limit + tolerance), AskedMaxAge: -1}, nil, nil},
		{"too long ago", guard.SignIn{AuthTime: before(limit + tolerance + 1), AskedMaxAge: -1}, needed, nil},
		{"in the future, by the skew", guard.SignIn{AuthTime: now.Add(tolerance), AskedMaxAge: -1}, nil, nil},
		{"in the future", guard.SignIn{AuthTime: now.Add(tolerance + 1), AskedMaxAge: -1}, needed, nil},
		{"unknown", guard.SignIn{Began: now, AskedMaxAge: -1}, needed, nil},
		{"unknown after the step-up", guard.SignIn{Began: before(limit), AskedMaxAge: 300}, nil, guard.ErrStepUpFailed},
		{"after a smaller step-up", guard.SignIn{Began: now, AskedMaxAge: 0}, nil, guard.ErrStepUpFailed},
		{"after a larger step-up", guard.SignIn{Began: now, AskedMaxAge: 301}, needed, nil},
		{"after an old step-up", guard.SignIn{Began: before(limit + 1), AskedMaxAge: 300}, needed, nil},
		{"recent in spite of a step-up", guard.SignIn{AuthTime: now, Began: now, AskedMaxAge: 300}, nil, nil},
	} {
		got, err := test.in.Recent(limit, tolerance, now)
		if !reflect.DeepEqual(got, test.want) || !errors.Is(err, test.err) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

// TestStrong: a sign-in has one of the classes, or another one is requested, or that has been tried.
func TestStrong(t *testing.T) {
	values := []string{"urn:mfa", "urn:phr"}
	needed := &guard.StepUp{ACRValues: values}
	for _, test := range []struct {
		name string
		in   guard.SignIn
		want *guard.StepUp
		err  error
	}{
		{"strong", guard.SignIn{ACR: "urn:phr"}, nil, nil},
		{"weak", guard.SignIn{ACR: "urn:pwd"}, needed, nil},
		{"unknown", guard.SignIn{}, needed, nil},
		{"other case", guard.SignIn{ACR: "URN:MFA"}, needed, nil},
		{"weak after the step-up", guard.SignIn{ACR: "urn:pwd", AskedACR: "urn:x urn:phr"}, nil, guard.ErrStepUpFailed},
		{"weak after another step-up", guard.SignIn{ACR: "urn:pwd", AskedACR: "urn:x"}, needed, nil},
		{"strong after the step-up", guard.SignIn{ACR: "urn:mfa", AskedACR: "urn:mfa"}, nil, nil},
	} {
		got, err := test.in.Strong(values)
		if !reflect.DeepEqual(got, test.want) || !errors.Is(err, test.err) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

// TestSince: after a change of credentials only a sign-in that is more recent will do.
func TestSince(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]time.Duration{
		90*time.Second + 900*time.Millisecond: 90 * time.Second,
		0:                                     time.Second,
		-time.Hour:                            time.Second, // the clock of the provider is ahead
	} {
		got := guard.Since(now.Add(-ago), func() time.Time { return now })
		if got == nil || got.MaxAge != want || got.ACRValues != nil {
			t.Errorf("%s ago: %+v", ago, got)
		}
	}
	if got := guard.Since(time.Time{}, time.Now); got != nil {
		t.Errorf("no change: %+v", got)
	}
}

// TestStepUpParams: what a step-up asks for, as parameters and as a challenge.
func TestStepUpParams(t *testing.T) {
	for _, test := range []struct {
		of                guard.StepUp
		params, challenge string
	}{
		{guard.StepUp{MaxAge: 90 * time.Second}, "max_age=90", `, max_age="90"`},
		{guard.StepUp{ACRValues: []string{"a", "b"}}, "acr_values=a+b", `, acr_values="a b"`},
		{guard.StepUp{MaxAge: time.Second, ACRValues: []string{"a"}}, "acr_values=a&max_age=1",
			`, acr_values="a", max_age="1"`},
		{guard.StepUp{}, "", ""},
	} {
		if got := test.of.Params().Encode(); got != test.params {
			t.Error(got)
		}
		if got := test.of.Challenge(); got != `, error="insufficient_user_authentication"`+test.challenge {
			t.Error(got)
		}
	}
}
