package relyingparty_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
)

// TestOnly: an app with one provider has it for every request, and one with several for none.
func TestOnly(t *testing.T) {
	set, a, _ := two()
	if set.Only() != nil || set.First() != a || len(set.Fixed()) != 2 {
		t.Error("two providers")
	}
	one := &relyingparty.Set[*member]{}
	one.Add(a)
	if one.Only() != a || one.First() != a {
		t.Error("one provider")
	}
	if unnamed := new(relyingparty.Set[*member]); unnamed.Can("") {
		t.Error("an app without a provider has one without a name")
	} else if unnamed.Add(newMember(relyingparty.Config{Issuer: "https://a.example"}, down{})); unnamed.Can("") {
		t.Error("the only provider can be named by an empty name")
	}
	if none := (&relyingparty.Set[*member]{Several: true}); none.Only() != nil || none.First() != nil {
		t.Error("none of the configuration")
	}
}

// TestForCall: a call of the app names one of several providers, and the only one or not.
func TestForCall(t *testing.T) {
	several, a, b := two()
	one := &relyingparty.Set[*member]{}
	one.Add(a)
	for _, test := range []struct {
		set  *relyingparty.Set[*member]
		name string
		want *member
		err  error
	}{
		{one, "", a, nil}, {one, "a", a, nil}, {one, "b", nil, relyingparty.ErrUnknown},
		{several, "b", b, nil}, {several, "c", nil, relyingparty.ErrUnknown}, {several, "", nil, relyingparty.ErrUnnamed},
	} {
		if got, err := test.set.ForCall(t.Context(), test.name); got != test.want || err != test.err {
			t.Errorf("%q: %v, %v", test.name, got, err)
		}
	}
}

// TestFind: a provider that is not configured is looked up by names that it can have, and an error of the app's lookup
// is told from an unknown name.
func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, _, _ := two()
		asked, broken := 0, errors.New("database: connection refused")
		customer := newMember(relyingparty.Config{Name: "c", Issuer: "https://c.example"}, down{})
		set.Forget("c") // has no effect yet
		if set.Finds() || set.Can("c") || !set.Can("a") {
			t.Error("nothing is found yet")
		}
		set.FindBy(func(_ context.Context, name string, _ *member) (*member, error) {
			asked++
			switch name {
			case "c":
				return customer, nil
			case "down":
				return nil, broken
			}
			return nil, fmt.Errorf("customer %s: %w", name, relyingparty.ErrUnknown)
		}, release, slog.New(slog.DiscardHandler))
		if !set.Finds() || !set.Can("c") || set.Can("C") || set.Can("") {
			t.Error("providers are found")
		}
		for _, lookup := range []func(context.Context, string) (*member, error){set.Named, set.Kept} {
			if got, err := lookup(t.Context(), "c"); got != customer || err != nil {
				t.Errorf("%v, %v", got, err)
			}
			if got, err := lookup(t.Context(), "d"); got != nil || err != relyingparty.ErrUnknown {
				t.Errorf("unknown: %v, %v", got, err)
			}
			if got, err := lookup(t.Context(), "down"); got != nil || !errors.Is(err, relyingparty.ErrUnavailable) ||
				!errors.Is(err, broken) || errors.Is(err, relyingparty.ErrUnknown) {
				t.Errorf("a lookup that fails: %v, %v", got, err)
			}
			before := asked
			for _, name := range []string{"a", "C", "../c", ""} {
				if _, err := lookup(t.Context(), name); (err == nil) != (name == "a") {
					t.Errorf("%q: %v", name, err)
				}
			}
			if asked != before {
				t.Error("the app was asked about a configured provider, or about a name that no provider can have")
			}
		}
		before := asked
		set.Forget("c")
		if _, err := set.Kept(t.Context(), "c"); err != nil || asked != before+1 {
			t.Errorf("after Forget: %d lookups, %v", asked-before, err)
		}
	})
}

// TestFoundAnew: a provider whose settings have changed gets a client of its own, and the connections of the earlier
// one are closed, but not if it goes on with that.
func TestFoundAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := &relyingparty.Set[*member]{Several: true}
		cfg := relyingparty.Config{Name: "c", Issuer: "https://c.example"}
		next := func(*member) *member { return newMember(cfg, down{}) }
		set.FindBy(func(_ context.Context, _ string, earlier *member) (*member, error) { return next(earlier), nil },
			release, slog.New(slog.DiscardHandler))
		find := func() *member {
			found, err := set.Named(t.Context(), "c")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			return found
		}
		first := find()
		next = func(earlier *member) *member {
			same := &member{Party: relyingparty.New(cfg, nil)}
			same.Use(earlier.Client)
			return same
		}
		second := find()
		next = func(*member) *member { return newMember(cfg, down{}) }
		third := find()
		if first.released != 0 || second.released != 1 || third.released != 0 {
			t.Errorf("released %d, %d and %d times", first.released, second.released, third.released)
		}
		set.Forget("c")
		if third.released != 1 || set.Issuing("https://c.example", nil) != nil {
			t.Errorf("a provider that was forgotten is in use, or was released %d times", third.released)
		}
	})
}
