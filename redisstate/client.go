package redisstate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// errURL has no details: the URL holds a password, and errors of net/url repeat the URL.
var errURL = errors.New("URL is not of the form redis://user:password@host:port/db, rediss://… or " +
	"unix:///path?db=0, with no other parameters than those of Config.URL")

// topologyInterval is how often the client asks which servers there are, in addition to what they report and refuse.
const topologyInterval = 5 * time.Second

// clientOption reads a URL. Parameters of the client's own that are not those of Config.URL are refused: they would
// turn off the verification of certificates, or are settings of this package.
func clientOption(rawURL string) (option rueidis.ClientOption, replicas int, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return option, 0, errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return option, 0, errURL
	}
	if option, err = rueidis.ParseURL(rawURL); err != nil || option.SelectDB < 0 {
		return option, 0, errURL
	}
	if err := servers(&option, query); err != nil {
		return option, 0, err
	}
	if err := certificates(&option, query); err != nil {
		return option, 0, err
	}
	if query.Has("wait_replicas") {
		if replicas, err = strconv.Atoi(query.Get("wait_replicas")); err != nil || replicas < 0 {
			return option, 0, errors.New("the parameter wait_replicas of URL is not a number")
		}
		query.Del("wait_replicas")
	}
	for _, known := range []string{"db", "addr", "master_set"} {
		query.Del(known)
	}
	if len(query) > 0 {
		return option, 0, errURL
	}
	return option, replicas, nil
}

// servers reads whether the URL names one server, nodes of a cluster, or Sentinels.
func servers(option *rueidis.ClientOption, query url.Values) error {
	mode := query.Get("cluster")
	sentinel := query.Get("master_set") != ""
	several := sentinel || mode == "true"
	switch {
	case mode != "" && mode != "true" && mode != "false":
		return errors.New("the parameter cluster of URL is neither true nor false")
	case sentinel && mode == "true":
		return errors.New("URL has both cluster and master_set")
	case mode == "true" && option.SelectDB != 0:
		return errors.New("URL has a database number, and a cluster has only database 0")
	case !several && query.Has("addr"):
		return errors.New("URL has several servers, and neither cluster=true nor master_set")
	case several && option.DialCtxFn != nil:
		return errors.New("URL is a socket, and has cluster or master_set")
	}
	option.ForceSingleClient = !several
	if option.TLSConfig != nil {
		option.TLSConfig.ServerName = "" // each server's certificate is for the name under which it is reached
	}
	option.Sentinel.Username, option.Sentinel.Password = query.Get("sentinel_username"), query.Get("sentinel_password")
	if !sentinel && (query.Has("sentinel_username") || query.Has("sentinel_password")) {
		return errors.New("URL has credentials for Sentinel, and no master_set")
	}
	for _, name := range []string{"cluster", "sentinel_username", "sentinel_password"} {
		query.Del(name)
	}
	return nil
}

// certificates reads the files of the certificate authority and of the client's certificate and key.
func certificates(option *rueidis.ClientOption, query url.Values) error {
	ca, cert, key := query.Get("cacert"), query.Get("cert"), query.Get("key")
	if option.TLSConfig == nil {
		return nil // if there are any, they remain in query, and are refused
	}
	for _, name := range []string{"cacert", "cert", "key"} {
		query.Del(name)
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("the parameter cacert of URL: %w", err)
		}
		option.TLSConfig.RootCAs = x509.NewCertPool()
		if !option.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("the parameter cacert of URL: %s has no certificate in PEM form", ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("the parameters cert and key of URL: %w", err)
		}
		option.TLSConfig.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// withDefaults lets all requests share one connection to each server: the more commands are sent at a time, the fewer
// system calls each costs. Client-side caching stays off. A cached reply may be older than the process's own last
// command, so a user who has just signed out would still be let in.
func withDefaults(option rueidis.ClientOption, timeout time.Duration) rueidis.ClientOption {
	option.PipelineMultiplex = -1
	option.DisableCache = true
	option.ClientSetInfo = rueidis.DisableClientSetInfo
	option.ReadBufferEachConn = 64 << 10
	option.WriteBufferEachConn = 64 << 10
	option.Dialer.Timeout = timeout
	option.Dialer.KeepAlive = timeout / 2
	option.ConnWriteTimeout = timeout
	option.RetryDelay = retryOnce
	option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
	option.Sentinel.TopologyRefreshInterval = topologyInterval
	option.ClusterOption.ShardsRefreshInterval = topologyInterval
	return option
}

// retryOnce is for a connection that broke while it was idle, which the next command discovers. More attempts would
// pile up requests while Redis is down.
func retryOnce(attempts int, _ rueidis.Completed, _ error) time.Duration {
	if attempts > 1 {
		return -1
	}
	return 0
}
