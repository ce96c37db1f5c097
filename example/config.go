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

// settings holds the configuration from the environment.
type settings struct {
	prefix string // of the plugin's variables
	addr   string // to listen on
	oidc   ginoidc.Config
	// The URL of the Redis or the database for sessions and shared state. Without one, sessions are in sealed cookies, and
	// what ended them in the memory of this process.
	redis, database string
	bundled         bool // no provider is set, so the bundled provider is started
}

// settingsFromEnv reads the environment. The error joins all problems. The settings are returned with it, so that
// [ginoidc.New] can report its own problems too.
func settingsFromEnv() (settings, error) {
	prefix := strings.TrimSuffix(cmp.Or(os.Getenv("OIDC_ENV_PREFIX"), "OIDC"), "_") + "_"
	config, unreadable := ginoidc.ConfigFromEnv(prefix)
	s := settings{
		prefix: prefix, oidc: config, bundled: config.Providers[0].Issuer == "" && config.Providers[0].Name == "",
		redis: os.Getenv("REDIS_URL"), database: os.Getenv("DATABASE_URL"),
	}
	addr, badAddr := listenAddr(os.Getenv("ADDR"), os.Getenv("PORT"))
	s.addr = addr
	var noURL, both error
	if badAddr == nil && os.Getenv(prefix+"APP_URL") == "" {
		if at, ok := appURL(addr); ok {
			below := os.Getenv(prefix + "POST_LOGOUT_REDIRECT_URI") // MonoCloud's variable may hold a path of the app
			if strings.HasPrefix(below, "/") && s.oidc.PostSignOutURL == s.oidc.AppURL+below {
				s.oidc.PostSignOutURL = at + below
			}
			s.oidc.AppURL = at
		} else {
			noURL = fmt.Errorf("example: %sAPP_URL: is not set, and %q is not a loopback address; "+
				"set the URL under which browsers reach the app", prefix, addr)
		}
	}
	perMinute, badLimit := number("THROTTLE_PER_MINUTE")
	s.oidc.Throttle = ginoidc.ThrottleByAddress(perMinute)
	if s.redis != "" && s.database != "" {
		both = errors.New("example: DATABASE_URL: is set together with REDIS_URL; unset one of them")
	}
	return s, errors.Join(unreadable, badAddr, noURL, both, badLimit)
}

// number returns the whole number in a variable, or 0 if it is not set.
func number(variable string) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("example: %s: %q is not a whole number; write one such as 600, or 0 for no limit",
			variable, text)
	}
	return int(n), nil
}

// listenAddr returns ADDR or, if only PORT is set, that port on every address of the machine.
func listenAddr(addr, port string) (string, error) {
	variable := "ADDR"
	if addr == "" && port != "" {
		variable, addr = "PORT", ":"+port
	}
	addr = cmp.Or(addr, "localhost:8080")
	_, number, err := net.SplitHostPort(addr)
	if n, notNumber := strconv.ParseUint(number, 10, 16); err != nil || notNumber != nil || n == 0 {
		return "", fmt.Errorf("example: %s: %q has no usable port; write localhost:8080 in ADDR or 8080 in PORT",
			variable, addr)
	}
	return addr, nil
}

// appURL returns the URL at which a browser on this machine finds a server that listens on addr. It cannot be derived
// from the address of another interface, where the app must be reached with https and so under a host name.
func appURL(addr string) (at string, ok bool) {
	host, port, _ := net.SplitHostPort(addr)
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified():
		host = "localhost"
	case host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return "", false
	}
	return "http://" + net.JoinHostPort(host, port), true
}

// basePath returns the path below which the app lives, or "" for the root.
func basePath(appURL string) string {
	u, err := url.Parse(appURL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// distinct splits joined errors and deduplicates them.
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
