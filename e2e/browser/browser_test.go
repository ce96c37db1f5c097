package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

func TestTab(t *testing.T) {
	shots := t.TempDir()
	t.Setenv("E2E_SCREENSHOTS", shots)
	server := httptest.NewServer(site())
	defer server.Close()
	chromium := browser.Start(t)
	tab := chromium.Profile(t)

	if page := tab.Open(server.URL); page.Status != 200 || page.Text != "Go there" {
		t.Errorf("start page: %+v", page)
	}
	if page := tab.Click("go THERE"); page.Status != 403 || page.URL != server.URL+"/there" || page.Text != "No" {
		t.Errorf("after the click: %+v", page)
	}
	if page, ok := tab.Back(); !ok || page.Text != "Go there" {
		t.Errorf("after back: %+v, %v", page, ok)
	}
	tab.Back() // to the empty page of a new tab
	if page, ok := tab.Back(); ok {
		t.Errorf("before the first page: %+v", page)
	}
	tab.Open(server.URL)
	if answer := tab.Fetch("/there"); answer.Status != 403 || answer.Body != "No" ||
		answer.Header["content-length"] != "2" {
		t.Errorf("fetch: %+v", answer)
	}
	for _, same := range []*browser.Tab{tab, tab.Sibling()} {
		cookies := same.Cookies("127.0.0.1")
		if len(cookies) != 1 || !cookies[0].HTTPOnly || cookies[0].SameSite != network.CookieSameSiteLax {
			t.Errorf("cookies: %+v", cookies)
		}
	}
	if cookies := chromium.Profile(t).Cookies("127.0.0.1"); len(cookies) != 0 {
		t.Errorf("somebody else has cookies: %+v", cookies)
	}
	if files, err := os.ReadDir(shots); err != nil || len(files) != 5 ||
		!strings.HasPrefix(files[1].Name(), "TestTab-02-127.0.0.1_") {
		t.Errorf("screenshots: %v, %v", files, err)
	}
}

// site has a page whose link redirects to a forbidden one.
func site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "one", Value: "1", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		fmt.Fprint(w, `<title>Start</title><a href="/here">Go there</a>`)
	})
	mux.Handle("/here", http.RedirectHandler("/there", http.StatusFound))
	mux.HandleFunc("/there", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "No")
	})
	return mux
}
