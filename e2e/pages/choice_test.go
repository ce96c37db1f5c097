package pages_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// TestChoicePage: the page on which users choose a provider, on phone and desktop, light and dark, with few and many
// providers and with a field for an address. axe-core finds nothing wrong, and nothing is cut off.
func TestChoicePage(t *testing.T) {
	chromium, axe := browser.Start(t), start.Axe(t)
	for name, change := range map[string]func(*ginoidc.Config){
		"1 and an address":  several(1, true),
		"2":                 several(2, false),
		"2 and an address":  several(2, true),
		"12":                several(12, false),
		"12 and an address": several(12, true),
	} {
		t.Run(name, func(t *testing.T) {
			a := startApp(t, "http", "", change)
			for device, d := range devices() {
				t.Run(device, func(t *testing.T) {
					tab := chromium.Profile(t)
					tab.Use(d)
					tab.Open(a.url + "/auth/signin?return_to=/public")
					checkLooks(t, "choice", tab, axe, d)
					tab.Open(a.url + "/auth/signin?provider=p1")
					tab.Click("alice")
					if page := tab.Open(a.url + "/auth/signin?return_to=/public"); !strings.Contains(page.Text, "Last used") {
						t.Errorf("no choice is marked: %q", page.Text)
					}
					checkLooks(t, "choice", tab, axe, d)
				})
			}
		})
	}
}

// several returns an app's change to n providers, all of which are the same one. With address, there is a customer too.
func several(n int, address bool) func(*ginoidc.Config) {
	return func(c *ginoidc.Config) {
		p := c.Providers[0]
		c.Providers = nil
		for i := range n {
			p.Name, p.Label = fmt.Sprint("p", i+1), fmt.Sprintf("Provider %d of the long name of a company", i+1)
			c.Providers = append(c.Providers, p)
		}
		if address {
			p.Name, p.EmailDomains = "acme", []string{"acme.example"}
			c.Providers = append(c.Providers, p)
		}
	}
}

// TestViolations: axe-core finds what is wrong with a page that has no language.
func TestViolations(t *testing.T) {
	a := startApp(t, "http", "")
	tab := browser.Start(t).Profile(t)
	tab.Open(a.url + "/public")
	if wrong := tab.Violations(start.Axe(t)); !strings.Contains(wrong, "html-has-lang") {
		t.Errorf("found %q", wrong)
	}
}

// TestChoiceByKeyboard: every choice, the field and the button are reached with the Tab key, in order.
func TestChoiceByKeyboard(t *testing.T) {
	a := startApp(t, "http", "", several(2, true))
	tab := browser.Start(t).Profile(t)
	tab.Open(a.url + "/auth/signin")
	var reached []string
	for range 4 {
		reached = append(reached, tab.PressTab())
	}
	want := "A Provider 1 of the long name of a company, A Provider 2 of the long name of a company, " +
		"INPUT , BUTTON Continue"
	if got := strings.Join(reached, ", "); got != want {
		t.Errorf("reached %q", got)
	}
}
