// Package browser drives a headless Chromium as a person would: it opens URLs, clicks and reads.
package browser

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// stepLimit is how long one click or page may take on a busy machine.
const stepLimit = 30 * time.Second

// Browser is one running Chromium.
type Browser struct {
	ctx   context.Context
	shots string // directory for a picture of every page; none when empty
}

// Start starts Chromium until the end of the test. It can reach only loopback. If the variable E2E_SCREENSHOTS names a
// directory, every page that a tab opens is saved there.
func Start(t testing.TB) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(start.Find(t, "chromium", "chromium", "chromium-browser", "google-chrome")),
		chromedp.NoSandbox, // the sandbox refuses to run as root, as in most containers
		chromedp.DisableGPU,
		chromedp.WindowSize(1000, 760),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("ignore-certificate-errors", true), // of servers on loopback, which sign their own
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
	)
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		cancel()
		cancelAllocator()
	})
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as the context of its first action
		t.Fatalf("start Chromium: %v", err)
	}
	return &Browser{ctx, os.Getenv("E2E_SCREENSHOTS")}
}

// Profile opens a tab of a new person: it shares no cookie, cache or history with earlier ones.
func (b *Browser) Profile(t testing.TB) *Tab {
	t.Helper()
	return b.open(t, b.ctx, new(int), chromedp.WithNewBrowserContext())
}

// Own opens a tab of the browser's own profile, whose cache is on disk.
func (b *Browser) Own(t testing.TB) *Tab {
	t.Helper()
	return b.open(t, b.ctx, new(int))
}

func (b *Browser) open(t testing.TB, parent context.Context, pages *int, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return &Tab{t, ctx, b, pages}
}
