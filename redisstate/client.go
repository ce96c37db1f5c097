package redisstate

import (
	"errors"
	"net/url"
	"time"

	"github.com/redis/rueidis"
)

// errURL has no details: the URL holds a password, and errors of net/url repeat the URL.
var errURL = errors.New("URL is not of the form redis://user:password@host:port/db, " +
	"rediss://… or unix:///path?db=0, without further parameters")

// clientOption reads a URL that names one server. The other parameters that the client supports are refused: they would
// turn off the verification of certificates, or are settings of this package.
func clientOption(rawURL string) (rueidis.ClientOption, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	delete(query, "db")
	option, err := rueidis.ParseURL(rawURL)
	if err != nil || len(query) > 0 || option.SelectDB < 0 {
		return rueidis.ClientOption{}, errURL
	}
	return option, nil
}

// connect returns a client with one connection that all requests share: the more commands are sent at a time, the fewer
// system calls each costs. Client-side caching stays off. A cached reply may be older than the process's own last
// command, so a user who has just signed out would still be let in.
func connect(rawURL string, timeout time.Duration) (rueidis.Client, error) {
	option, err := clientOption(rawURL)
	if err != nil {
		return nil, err
	}
	option.ForceSingleClient = true
	option.PipelineMultiplex = -1
	option.DisableCache = true
	option.ClientSetInfo = rueidis.DisableClientSetInfo
	option.ReadBufferEachConn = 64 << 10
	option.WriteBufferEachConn = 64 << 10
	option.Dialer.Timeout = timeout
	option.Dialer.KeepAlive = timeout / 2
	option.ConnWriteTimeout = timeout
	option.RetryDelay = retryOnce
	client, err := rueidis.NewClient(option)
	if client == nil {
		return nil, err
	}
	return client, nil // err only says that Redis is not available yet
}

// retryOnce is for a connection that broke while it was idle, which the next command discovers. More attempts would
// pile up requests while Redis is down.
func retryOnce(attempts int, _ rueidis.Completed, _ error) time.Duration {
	if attempts > 1 {
		return -1
	}
	return 0
}
