package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func numbered(n int) tokenKey { return tokenKey(strconv.Itoa(n)) }

func newTokenCache() *tokenCache {
	return &tokenCache{maxTokens: maxCachedTokens, maxBytes: maxCachedBytes}
}

func lasting(d time.Duration) verdict {
	return verdict{token: &AccessToken{}, until: time.Now().Add(d).Round(0)}
}

// A verdict holds until its time, to the nanosecond, and is counted.
func TestTokenCacheEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTokenCache()
		want := lasting(time.Minute)
		c.put(numbered(1), want, 1000, nil)
		c.put(numbered(2), lasting(0), 1000, nil)
		time.Sleep(time.Minute - 1)
		if got, ok := c.get(numbered(1)); !ok || got != want {
			t.Errorf("%v, %t", got, ok)
		}
		time.Sleep(time.Nanosecond)
		for n := 1; n <= 3; n++ {
			if got, ok := c.get(numbered(n)); ok {
				t.Errorf("%d: %v", n, got)
			}
		}
		if got := c.stats(); got != (CacheStats{Entries: 1, Hits: 1, Misses: 3}) {
			t.Errorf("%+v", got)
		}
	})
}

// case 279: neither many tokens nor large ones make it larger than it may be, and what is in use stays. Case 375.
func TestTokenCacheIsBounded(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "large": maxAccessToken} {
		t.Run(name, func(t *testing.T) {
			c := newTokenCache()
			used, v := numbered(-1), lasting(time.Hour)
			c.put(used, v, size, nil)
			for n := range 3 * maxCachedTokens {
				c.put(numbered(n), v, size, nil)
				if _, ok := c.get(used); !ok {
					t.Fatalf("what is used is gone after %d", n)
				}
				if entries := c.stats().Entries; entries > maxCachedTokens || entries*size > maxCachedBytes {
					t.Fatalf("%d entries", entries)
				}
			}
			before := c.stats().Entries
			if _, ok := c.get(used); !ok || c.stats().Entries != before {
				t.Errorf("%d entries of %d", c.stats().Entries, before)
			}
			// The limits are made use of.
			if entries := c.stats().Entries; 2*entries < maxCachedTokens && 3*entries*size < maxCachedBytes {
				t.Errorf("only %d entries", entries)
			}
			for range 2 * maxCachedTokens { // the same token again and again takes no room
				c.put(used, v, size, nil)
			}
			if _, ok := c.get(numbered(3*maxCachedTokens - 1)); !ok {
				t.Error("one token has displaced another")
			}
		})
	}
}

// Both generations are filled to the last byte.
func TestTokenCacheIsFilled(t *testing.T) {
	c := &tokenCache{maxTokens: 100, maxBytes: 200}
	for n := range 4 {
		c.put(numbered(n), lasting(time.Hour), 50, nil)
	}
	if entries := c.stats().Entries; entries != 4 {
		t.Errorf("%d entries", entries)
	}
}

// An entry that is used is in one generation only.
func TestTokenCacheCountsOnce(t *testing.T) {
	c := newTokenCache()
	for n := range maxCachedTokens/2 + 1 {
		c.put(numbered(n), lasting(time.Hour), 1, nil)
	}
	for n := range 10 {
		if _, ok := c.get(numbered(n)); !ok || c.stats().Entries != maxCachedTokens/2+1 {
			t.Errorf("%t, %+v", ok, c.stats())
		}
	}
}

// The entries hold for the keys that verified them, whatever object these are in.
func TestTokenCacheFollowsTheKeys(t *testing.T) {
	set := func(kid, alg string, key *rsa.PrivateKey) *keySet {
		return &keySet{keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: alg}}}
	}
	one, other := testKey(t), testKey(t)
	for name, test := range map[string]struct {
		present *keySet
		same    bool
	}{
		"fetched again": {set("k1", "RS256", one), true},
		"another key":   {set("k1", "RS256", other), false},
		"another kid":   {set("k2", "RS256", one), false},
		"another alg":   {set("k1", "PS256", one), false},
		"one more":      {&keySet{keys: append(set("k1", "RS256", one).keys, set("k2", "RS256", other).keys...)}, false},
		"none":          {&keySet{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTokenCache()
			c.put(numbered(1), lasting(time.Hour), 1, set("k1", "RS256", one))
			if same := c.follow(test.present); same != test.same {
				t.Errorf("follow: %t", same)
			}
			if _, ok := c.get(numbered(1)); ok != test.same {
				t.Errorf("get: %t", ok)
			}
			if !c.follow(test.present) {
				t.Error("it does not follow")
			}
			c.put(numbered(2), lasting(time.Hour), 1, test.present)
			c.put(numbered(3), lasting(time.Hour), 1, set("k3", "RS256", other)) // verified by others
			if _, ok := c.get(numbered(2)); ok {
				t.Error("an entry of other keys")
			}
		})
	}
}

func TestTokenCacheTogether(t *testing.T) {
	c := newTokenCache()
	keys := &keySet{}
	var callers sync.WaitGroup
	for worker := range 8 {
		callers.Go(func() {
			for n := range 2_000 {
				key := numbered(n*8 + worker)
				if c.put(key, lasting(time.Hour), 100, keys); !c.follow(keys) {
					t.Error("the keys are the same")
				}
				c.get(key)
				c.get(numbered(n))
			}
		})
	}
	callers.Wait()
	if got := c.stats(); got.Entries > maxCachedTokens || got.Hits+got.Misses != 32_000 || got.Hits < 16_000 {
		t.Errorf("%+v", got)
	}
}

func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// verifier is a Provider that has one key, and access tokens of about 900 bytes by it.
func verifier(t testing.TB) (p *Provider, token func(jti int) string) {
	key := testKey(t)
	p = New(Config{
		Issuer: "https://op.example", ClientID: "app", Transport: noTransport{},
		AccessTokens: AccessTokenConfig{Audience: "https://api.example"},
	})
	p.keys.current = &keySet{keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256"}}}
	p.keys.fetched = time.Now()
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}
	signer, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return p, func(jti int) string {
		now := time.Now().Unix()
		payload, err := json.Marshal(map[string]any{
			"iss": "https://op.example", "aud": "https://api.example", "sub": "alice", "client_id": "spa",
			"jti": fmt.Sprint(jti), "scope": "openid profile read write", "iat": now, "exp": now + 3600,
			"groups": []string{"admin", "staff", "audit", "engineering", "operations"}, "name": "Alice Example",
			"email": "alice@example.com", "auth_time": now, "acr": "1", "sid": "0123456789abcdef0123456789abcdef",
		})
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// A token seen before allocates no more than the copy that is hashed.
func TestSeenTokenAllocatesLittle(t *testing.T) {
	p, token := verifier(t)
	raw, ctx := token(1), t.Context()
	first, err := p.CheckAccessToken(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		if got, err := p.CheckAccessToken(ctx, raw); err != nil || got != first {
			t.Error(got, err)
		}
	})
	if got := p.AccessTokenCache(); allocs > 1 || got != (CacheStats{Entries: 1, Hits: 101, Misses: 1}) {
		t.Errorf("%v allocations, %+v", allocs, got)
	}
}

// Nor does one that the provider was asked about a short while ago; and a flight that takes off after another has
// landed makes no further call.
func TestKnownTokenIsNotAskedAbout(t *testing.T) {
	p, _ := verifier(t) // whose transport answers nothing
	want := lasting(time.Hour)
	key := hashed("opaque")
	p.access.active.put(key, want, 6, nil)
	allocs := testing.AllocsPerRun(100, func() {
		if got, err := p.Introspect(t.Context(), "opaque"); err != nil || got != want.token {
			t.Error(got, err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
	if got, err := p.introspectOnce(t.Context(), key, "opaque"); err != nil || got != want {
		t.Error(got, err)
	}
}

func BenchmarkIntrospected(b *testing.B) {
	p, _ := verifier(b)
	p.access.active.put(hashed("opaque"), lasting(time.Hour), 6, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Introspect(b.Context(), "opaque"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccessToken(b *testing.B) {
	p, token := verifier(b)
	tokens := make([]string, 1000)
	for i := range tokens {
		tokens[i] = token(i)
	}
	check := func(b *testing.B, raw string) {
		if _, err := p.CheckAccessToken(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			p.access.verified.turnTo(nil) // forgets all
			check(b, tokens[i%len(tokens)])
		}
	})
	b.Run("seen", func(b *testing.B) {
		for _, raw := range tokens {
			check(b, raw)
		}
		b.ReportAllocs()
		b.SetBytes(int64(len(tokens[0])))
		for i := range b.N {
			check(b, tokens[i%len(tokens)])
		}
	})
	b.Run("garbage", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.CheckAccessToken(b.Context(), "eyJhbGciOiJSUzI1NiJ9.e30.AA"); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}
