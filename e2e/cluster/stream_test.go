package cluster_test

import (
	"bufio"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// streamsEnd: a stream ends soon after a sign-out at another instance, by the user or by the provider, and no other
// stream does.
func streamsEnd(t *testing.T, c *cluster) {
	alice, bob := c.signIn(t, "alice"), c.signIn(t, "bob")
	ends := map[string]<-chan time.Time{}
	for name, p := range map[string]*person{"alice": alice, "alice again": c.signIn(t, "alice"), "bob": bob} {
		ends[name] = p.stream(t, c.apps[0].URL)
	}
	wait := func(name string, began time.Time) {
		t.Helper()
		select {
		case end := <-ends[name]:
			t.Logf("the stream of %s ended after %v", name, end.Sub(began))
		case <-time.After(10 * time.Second): // usually about one; machines can be busy
			t.Fatalf("the stream of %s did not end", name)
		}
	}

	began := time.Now()
	alice.do(t, http.MethodPost, c.apps[1].URL+"/auth/signout", "")
	wait("alice", began)
	token, err := c.op.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	(&person{"", http.DefaultClient}).do(t, http.MethodPost, c.apps[2].URL+"/auth/backchannel-logout",
		url.Values{"logout_token": {token}}.Encode())
	wait("alice again", began)
	select {
	case <-ends["bob"]:
		t.Error("the stream of bob ended too")
	case <-time.After(3 * time.Second): // a session is checked every second
	}
}

// stream opens the event stream at an instance and returns a channel that receives the time of its end. It returns
// after the first event.
func (p *person) stream(t *testing.T, address string) <-chan time.Time {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/api/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Jar: p.http.Jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	if resp.StatusCode != http.StatusOK || !lines.Scan() {
		t.Fatalf("%s at %s/api/stream", resp.Status, address)
	}
	end := make(chan time.Time, 1)
	go func() {
		defer resp.Body.Close()
		for lines.Scan() { // to the end
		}
		end <- time.Now()
	}()
	return end
}
