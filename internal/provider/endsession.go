package provider

import (
	"context"
	"net/url"
	"time"
)

const endSessionTimeout = 2 * time.Second

// EndSessionURL returns the URL to send the browser to for signing out at the provider too (RP-Initiated Logout 1.0
// section 2). It reports false if the provider has no usable end-session endpoint or its metadata is not available
// within two seconds: the local sign-out must not wait for the provider.
func (p *Provider) EndSessionURL(ctx context.Context, params url.Values) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, endSessionTimeout)
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil || metadata.EndSessionEndpoint == "" {
		return "", false
	}
	target, err := mergeQuery(metadata.EndSessionEndpoint, params)
	return target, err == nil
}
