package browser

import (
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Device is what a page may adapt to.
type Device struct {
	Width, Height int64 // of the window, in CSS pixels
	Phone, Dark   bool
}

// Use shows the following pages, and the current one, as on another device.
func (tab *Tab) Use(d Device) {
	tab.t.Helper()
	size := emulation.SetDeviceMetricsOverrideParams{
		Width: d.Width, Height: d.Height, DeviceScaleFactor: 1, Mobile: d.Phone,
	}
	scheme := "light"
	if d.Dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}
	if _, err := chromedp.Call(tab.ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
		tab.t.Fatalf("device: %v", err)
	}
	if _, err := chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, media); err != nil {
		tab.t.Fatalf("device: %v", err)
	}
}

// Violations returns what axe-core, whose script is given, finds wrong with the page, one rule a line.
func (tab *Tab) Violations(axe string) string {
	tab.t.Helper()
	tab.Script(axe + "; 'loaded'")
	return strings.TrimSpace(tab.Script(`axe.run().then(r => [...r.violations, ...r.incomplete].map(v =>
		v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" ")).join("\n"))`))
}

// PressTab presses the Tab key and returns the tag and the text of what has the focus then.
func (tab *Tab) PressTab() string {
	tab.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		key := input.DispatchKeyEventParams{Type: kind, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9}
		if _, err := chromedp.Call(tab.ctx, input.DispatchKeyEvent, key); err != nil {
			tab.t.Fatalf("Tab: %v", err)
		}
	}
	return tab.Script(`document.activeElement.tagName + " " + document.activeElement.innerText`)
}
