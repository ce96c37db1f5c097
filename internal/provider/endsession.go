package provider

import (
	"context"
	"net/url"
	"time"
)

const endSessionTimeout = 2 * time.Second

// EndSessionURL returns where to send the browser to sign out at the provider too (RP-Initiated Logout 1.0
// section 2). It reports false when the provider has no usable end-session endpoint or is not known within two
// seconds: signing out here must not wait for it.
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
