package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Tab is one tab. Its methods end the test if the browser cannot do what is asked.
type Tab struct {
	t       testing.TB
	ctx     context.Context
	browser *Browser
	pages   *int // shown to the person so far, in all tabs
}

// Page is what the tab shows after a step.
type Page struct {
	Status int // of the document, after redirects; 0 when it came from the browser's memory
	URL    string
	Text   string
}

// Sibling opens another tab of the same person.
func (tab *Tab) Sibling() *Tab {
	tab.t.Helper()
	return tab.browser.open(tab.t, tab.ctx, tab.pages)
}

// Open goes to a URL as if it were typed, and follows redirects.
func (tab *Tab) Open(address string) Page {
	tab.t.Helper()
	response := do(tab, "open "+address, chromedp.NavigateResponse(address))
	return tab.look(response)
}

// Click clicks the first link or button whose label contains the text, in any case, and waits for the page that
// follows.
func (tab *Tab) Click(label string) Page {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, stepLimit)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, chromedp.Click(labelled(label)))
	if err != nil {
		tab.t.Fatalf("click %q: %v\non the page: %+v", label, err, tab.Page())
	}
	return tab.look(response)
}

// labelled returns the XPath of what can be clicked, with its text in lower case.
func labelled(label string) chromedp.Search {
	const (
		lower = `translate(concat(normalize-space(.), @value), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`
		path  = `//*[self::a or self::button or self::input[@type='submit']][contains(` + lower + `, '%s')]`
	)
	return chromedp.Search(fmt.Sprintf(path, strings.ToLower(label)))
}

// Back presses the back button. It reports false on the first page of the tab.
func (tab *Tab) Back() (Page, bool) {
	tab.t.Helper()
	history := do(tab, "read the history", chromedp.NavigationEntries())
	if history.CurrentIndex == 0 {
		return Page{}, false
	}
	want := history.CurrentIndex - 1
	back := page.NavigateToHistoryEntryParams{EntryID: history.Entries[want].ID}
	if _, err := chromedp.Call(tab.ctx, page.NavigateToHistoryEntry, back); err != nil {
		tab.t.Fatalf("back: %v", err)
	}
	// A page that comes out of the browser's memory fires no load event, so the place in the history has to tell.
	return tab.Await("the page before", func(Page) bool {
		return do(tab, "read the history", chromedp.NavigationEntries()).CurrentIndex == want
	}), true
}

// Await looks until the page is as wanted: for what no single step waits for, like a form that submits itself.
func (tab *Tab) Await(what string, wanted func(Page) bool) Page {
	tab.t.Helper()
	for end := time.Now().Add(stepLimit); ; time.Sleep(50 * time.Millisecond) {
		now := tab.Page()
		if wanted(now) {
			return tab.look(nil)
		}
		if time.Now().After(end) {
			tab.t.Fatalf("waiting for %s: still %+v", what, now)
		}
	}
}

// Page is what the tab shows now, once it is loaded.
func (tab *Tab) Page() Page {
	tab.t.Helper()
	type snapshot struct {
		URL, Text string
		Complete  bool
	}
	const script = `({
		url: location.href, text: document.body?.innerText ?? "", complete: document.readyState === "complete",
	})`
	for end := time.Now().Add(stepLimit); ; time.Sleep(20 * time.Millisecond) {
		now, err := run(tab, chromedp.Evaluate[snapshot](script)) // fails while one page replaces another
		if err == nil && now.Complete {
			return Page{URL: now.URL, Text: now.Text}
		}
		if time.Now().After(end) {
			tab.t.Fatalf("read the page: %+v, %v", now, err)
		}
	}
}

// Answer is what fetch got. The names of the header fields are in lower case.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// Fetch asks for a path as a page's script would. The page's own content security policy applies.
func (tab *Tab) Fetch(path string) Answer {
	tab.t.Helper()
	const script = `fetch(%q).then(async r => ({
		status: r.status, header: Object.fromEntries(r.headers), body: await r.text(),
	}))`
	return do(tab, "fetch "+path, chromedp.Evaluate[Answer](fmt.Sprintf(script, path), chromedp.EvalAwaitPromise))
}

// Script runs a script in the page, as a script of that page, and returns its string, or that of its promise.
func (tab *Tab) Script(script string) string {
	tab.t.Helper()
	return do(tab, "run a script", chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
}

// Cookies are those that the person's browser holds for a host, HttpOnly ones too.
func (tab *Tab) Cookies(host string) []*network.Cookie {
	tab.t.Helper()
	profile := chromedp.FromContext(tab.ctx).BrowserContextID
	all, err := chromedp.CallBrowser(tab.ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: profile})
	if err != nil {
		tab.t.Fatalf("read cookies: %v", err)
	}
	var cookies []*network.Cookie
	for _, c := range all.Cookies {
		if c.Domain == host {
			cookies = append(cookies, c)
		}
	}
	return cookies
}

// look reads the page and saves its picture.
func (tab *Tab) look(response *network.Response) Page {
	tab.t.Helper()
	now := tab.Page()
	if response != nil {
		now.Status = int(response.Status)
	}
	*tab.pages++
	path := ""
	if u, err := url.Parse(now.URL); err == nil {
		path = u.Hostname() + u.Path
	}
	tab.Shoot(path)
	return now
}

// Shoot saves a picture of the page under a name, if pictures are wanted.
func (tab *Tab) Shoot(name string) {
	tab.t.Helper()
	if tab.browser.shots == "" {
		return
	}
	name = fmt.Sprintf("%s-%02d-%s.png", tab.t.Name(), *tab.pages, name)
	name = regexp.MustCompile(`[^A-Za-z0-9.-]+`).ReplaceAllString(name, "_")
	picture := do(tab, "screenshot", chromedp.FullScreenshot(100))
	if err := os.MkdirAll(tab.browser.shots, 0o755); err != nil {
		tab.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tab.browser.shots, name), picture, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}

func do[T any](tab *Tab, what string, action chromedp.Action[T]) T {
	tab.t.Helper()
	result, err := run(tab, action)
	if err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
	return result
}

func run[T any](tab *Tab, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(tab.ctx, stepLimit)
	defer cancel()
	return chromedp.Run(ctx, action)
}
