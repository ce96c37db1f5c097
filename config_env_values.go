package ginoidc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The forms of values. None is trimmed: what stands around a value by mistake is told and not guessed away.

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

// words are separated by blanks.
func words(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if inQuotes(value) {
			return errors.New("is in quotes")
		}
		list := strings.Fields(value)
		if len(list) == 0 {
			return errors.New("holds blanks alone")
		}
		*field(c) = list
		return nil
	}
}

func span(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil && overflows(value):
			return fmt.Errorf("%q is too large", value)
		case err != nil || d <= 0:
			return fmt.Errorf("%q is not a positive duration", value)
		}
		*field(c) = d
		return nil
	}
}

// overflows reports whether a text is a duration that only its digits make too large.
func overflows(value string) bool {
	_, err := time.ParseDuration(strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '0'
		}
		return r
	}, value))
	return err == nil && !strings.HasPrefix(value, "-")
}

// tolerance is a duration or, as MonoCloud's SDK writes it under the same name, a number of seconds.
func tolerance(c *Config, value string) error {
	if _, err := strconv.ParseUint(value, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		value += "s"
	}
	return span(func(c *Config) *time.Duration { return &c.ClockTolerance })(c, value)
}

func maxSessions(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(value, "-"):
		return fmt.Errorf("%q is too large", value)
	case err != nil || n < 0:
		return fmt.Errorf("%q is not a number from 0", value)
	}
	c.MaxSessions = n
	return nil
}

func truth(set func(c *Config, on bool)) func(*Config, string) error {
	return func(c *Config, value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		set(c, on)
		return nil
	}
}

// when is auto or a boolean.
func when(field func(*Config) *string, auto, always, never string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if on, err := strconv.ParseBool(value); value == auto {
			*field(c) = auto
		} else if err != nil {
			return fmt.Errorf("%q is none of its values", value)
		} else if on {
			*field(c) = always
		} else {
			*field(c) = never
		}
		return nil
	}
}

// parameters are a query string. What it cannot mean is refused: a name or a value left out, a value in quotes, and the
// question mark of a URL.
func parameters(field func(*Config) *url.Values) func(*Config, string) error {
	return func(c *Config, value string) error {
		values, err := url.ParseQuery(value)
		switch {
		case inQuotes(value):
			return errors.New("is in quotes")
		case err != nil || strings.HasPrefix(value, "?") || value != strings.TrimSpace(value):
			return fmt.Errorf("%q is not a query string", value)
		}
		for name, list := range values {
			for _, one := range list {
				switch {
				case name == "" || one == "":
					return fmt.Errorf("%q has a parameter without a name or a value", value)
				case inQuotes(one):
					return fmt.Errorf("the value of %q is in quotes", name)
				}
			}
		}
		*field(c) = values
		return nil
	}
}

func file(field func(*Config) *[]byte) func(*Config, string) error {
	return func(c *Config, name string) (err error) {
		*field(c), err = content(name)
		return err
	}
}

// content reads a whole file. The errors cite its name and nothing in it.
func content(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%q is empty", name)
	}
	return b, nil
}

// certificateFile reads the certificate and its key out of one file.
func certificateFile(c *Config, name string) error {
	pem, err := content(name)
	if err != nil {
		return err
	}
	certificate, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return fmt.Errorf("%q holds no certificate with its key: %w", name, err)
	}
	c.ClientCertificate = &certificate
	return nil
}

func caFile(c *Config, name string) error {
	pem, err := content(name)
	if err != nil {
		return err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%q holds no certificate", name)
	}
	c.RootCAs = pool
	return nil
}

// unsupported refuses what a later version will read: who sets it counts on it.
func unsupported(*Config, string) error {
	return errors.New("is not supported by this version")
}
