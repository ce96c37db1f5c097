package provider

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// A flight that starts when another has just finished finds its work done: the time between a caller's look and its
// start costs no second fetch, neither a first one nor a forced one.
func TestFlightAfterFlight(t *testing.T) {
	fetches := 0
	c := cache[int]{fetch: func(context.Context) (*int, error) { fetches++; return new(int), nil }}
	first, err := c.ordinary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.ordinary(t.Context()); err != nil || again != first || fetches != 1 {
		t.Errorf("%d fetches, %v", fetches, err)
	}
	if newer, err := c.forced(t.Context(), new(int)); err != nil || newer != first || fetches != 1 {
		t.Errorf("%d fetches for a caller that has not seen the newest copy, %v", fetches, err)
	}
	if newer, err := c.forced(t.Context(), first); err != nil || newer == first || fetches != 2 {
		t.Errorf("%d fetches for a caller that has, %v", fetches, err)
	}
}

// TestKeySetsOfOtherIssuers: the same keys of other issuers are another set, under which other tokens are valid.
func TestKeySetsOfOtherIssuers(t *testing.T) {
	one, same, other := &keySet{issuers: []string{"a"}}, &keySet{issuers: []string{"a"}}, &keySet{issuers: []string{"b"}}
	if !one.equal(same) || one.equal(other) {
		t.Error("the issuers of the keys are not compared")
	}
}

// TestNoncesOfManyOrigins: so many are remembered, and a new nonce of one of them forgets none.
func TestNoncesOfManyOrigins(t *testing.T) {
	var n nonces
	at := func(i int) *url.URL { return &url.URL{Scheme: "https", Host: "op" + strconv.Itoa(i) + ".example"} }
	for i := range maxOrigins {
		n.keep(at(i), "old")
	}
	n.keep(at(0), "new")
	n.keep(at(0), "") // a response without one
	if n.of(at(0)) != "new" || n.of(at(maxOrigins-1)) != "old" {
		t.Errorf("%q", n.byOrigin)
	}
	if n.keep(at(maxOrigins), "new"); len(n.byOrigin) != 1 || n.of(at(maxOrigins)) != "new" {
		t.Errorf("%q", n.byOrigin)
	}
}

// TestFlightAfterFailure: the same after a flight that failed. What is not fetched again is the error, with the copy
// that there is: it may be out of date.
func TestFlightAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed, fetches := errors.New("503"), 0
		c := cache[int]{fetch: func(context.Context) (*int, error) { fetches++; return nil, failed }}
		if _, err := c.ordinary(t.Context()); err != failed {
			t.Errorf("%v", err)
		}
		if copied, err := c.ordinary(t.Context()); copied != nil || err != failed || fetches != 1 {
			t.Errorf("%d fetches, %v", fetches, err)
		}
		time.Sleep(time.Hour)
		c.fetch = func(context.Context) (*int, error) { return new(int), nil }
		first, err := c.ordinary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.fetch = func(context.Context) (*int, error) { return nil, failed }
		c.limits = defaultLimits(defaultTimeout)
		for range 2 { // the second one is throttled
			if copied, err := c.renewUntrusted(t.Context(), first); copied != first || err != failed {
				t.Errorf("%v, %v", copied, err)
			}
		}
	})
}
