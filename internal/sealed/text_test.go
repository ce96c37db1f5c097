package sealed_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

const secret = "a secret of thirty-two bytes, ok"

func newText(t *testing.T, purpose, audience string, secrets ...string) *sealed.Text {
	t.Helper()
	text, err := sealed.New(purpose, secrets, audience)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestText(t *testing.T) {
	const purpose, audience = "parameters", "https://id.example.com client "
	seals := newText(t, purpose, audience, secret)
	for name, tt := range map[string]struct {
		opens *sealed.Text
		place string
		text  string
		want  bool
	}{
		"good":            {seals, "place", "prompt=create", true},
		"empty":           {seals, "place", "", true},
		"another purpose": {newText(t, "landed", audience, secret), "place", "prompt=create", false},
		"another app":     {newText(t, purpose, "https://id.example.com other ", secret), "place", "prompt=create", false},
		"another place":   {seals, "another", "prompt=create", false},
		"an older secret": {newText(t, purpose, audience, "a newer secret of 32 bytes, ok..", secret), "place",
			"prompt=create", true},
		"a removed secret": {newText(t, purpose, audience, "a newer secret of 32 bytes, ok.."), "place",
			"prompt=create", false},
		"a longer audience": {newText(t, purpose, "x"+audience, secret), "place", "prompt=create", false},
		"largest":           {seals, "place", strings.Repeat("a", 24543), true}, // sealed: 32 kB
		"too large":         {seals, "place", strings.Repeat("a", 24544), false},
	} {
		text, ok := tt.opens.Open(seals.Seal(tt.text, "place"), tt.place)
		if ok != tt.want || ok && text != tt.text {
			t.Errorf("%s: %t, %.20q", name, ok, text)
		}
	}
	if _, err := sealed.New(purpose, nil, audience); err == nil {
		t.Error("without a secret")
	}
}
