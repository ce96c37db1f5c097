package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d65cea4d/ginoidc"
)

// settings is the environment, read.
type settings struct {
	addr    string // to listen on
	oidc    ginoidc.Config
	redis   string // URL of the Redis for sessions and shared state, "" for sealed cookies and this process
	bundled bool   // no issuer is named: the bundled provider is started and signs in
}

// settingsFromEnv reads the environment. The error joins all problems; the settings beside it are good for finding
// those that [ginoidc.New] knows of.
func settingsFromEnv() (settings, error) {
	prefix := strings.TrimSuffix(cmp.Or(os.Getenv("OIDC_ENV_PREFIX"), "OIDC"), "_") + "_"
	config, unreadable := ginoidc.ConfigFromEnv(prefix)
	s := settings{oidc: config, bundled: config.Issuer == ""}
	var badAddr error
	if s.addr, badAddr = listenAddr(os.Getenv("ADDR"), os.Getenv("PORT")); badAddr == nil && os.Getenv(prefix+"APP_URL") == "" {
		s.oidc.AppURL = appURL(s.addr)
	}
	s.redis = os.Getenv("REDIS_URL")
	return s, errors.Join(unreadable, badAddr)
}

// listenAddr is ADDR or, where only PORT is given, that port on every address of the machine.
func listenAddr(addr, port string) (string, error) {
	variable := "ADDR"
	if addr == "" && port != "" {
		variable, addr = "PORT", ":"+port
	}
	addr = cmp.Or(addr, "localhost:8080")
	_, number, err := net.SplitHostPort(addr)
	if n, notNumber := strconv.ParseUint(number, 10, 16); err != nil || notNumber != nil || n == 0 {
		return "", fmt.Errorf("example: %s: %q has no usable port; write localhost:8080 in ADDR or 8080 in PORT", variable, addr)
	}
	return addr, nil
}

// appURL is where a browser on this machine finds what listens on addr.
func appURL(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// basePath is the path below which the app lives, "" for the root.
func basePath(appURL string) string {
	u, err := url.Parse(appURL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// distinct takes joined errors apart and leaves out what is said twice.
func distinct(errs ...error) []string {
	var lines []string
	for _, err := range errs {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			lines = append(lines, distinct(joined.Unwrap()...)...)
		} else if err != nil {
			lines = append(lines, err.Error())
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
