// Package blackbox_test tests the whole plugin as an app and its users meet it: what attackers, providers, proxies and
// restarts do to it, and what the specifications demand.
package blackbox_test
