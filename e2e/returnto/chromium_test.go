package returnto_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// inBrowser resolves targets as a link or a Location header would be, with Chromium's own parser. It returns what it
// says of each: origin, path, and user and password; or "" for what is no URL.
const inBrowser = `JSON.stringify(TARGETS.map(target => {
	try {
		const u = new URL(target, PAGE);
		return [u.origin, u.pathname, u.username + u.password];
	} catch {
		return ["", "", ""];
	}
}))`

// TestChromiumStaysHome: of ten thousand random targets, those that are accepted leave neither the app nor the listed
// origin in Chromium, and reach none of the plugin's own routes. Some that are refused would.
func TestChromiumStaysHome(t *testing.T) {
	const runs, together = 10_000, 500
	seed := [2]uint64{rand.Uint64(), rand.Uint64()}
	random, pieces := rand.New(rand.NewPCG(seed[0], seed[1])), hostile()
	tab := browser.Start(t).Profile(t)
	accepted, left := 0, 0
	for range runs / together {
		var targets []string
		for range together {
			targets = append(targets, strings.ToValidUTF8(compose(random, pieces), "\ufffd")) // as JSON would have it
		}
		encoded, err := json.Marshal(targets)
		if err != nil {
			t.Fatal(err)
		}
		var places [][3]string
		script := strings.NewReplacer("TARGETS", string(encoded), "PAGE", `"`+page+`"`).Replace(inBrowser)
		if err := json.Unmarshal([]byte(tab.Script(script)), &places); err != nil || len(places) != together {
			t.Fatalf("%d answers: %v", len(places), err)
		}
		for i, place := range places {
			home := (place[0] == own || place[0] == listed) && place[2] == "" && !reserved(place[1])
			switch ok := rule().Accept(targets[i]); {
			case ok && !home:
				t.Errorf("accepted %q leads to %q (seed %d)", targets[i], place, seed)
			case ok:
				accepted++
			case !home:
				left++
			}
		}
	}
	t.Logf("figure fuzzed: %d return targets in Chromium: %d accepted, all of which stay; %d of the others would leave",
		runs, accepted, left)
	if accepted < runs/100 || left < runs/100 {
		t.Error("too few of one kind to say anything")
	}
}
