package env

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// parse reads value into the variable to which field points, according to its type. fix says what to write instead of
// an unreadable value. Nothing is trimmed: characters around a value by mistake are reported instead.
func parse(field any, value string) (fix string, err error) {
	switch field := field.(type) {
	case *string:
		*field = value
	case *[]string:
		fix = "remove the quotes"
		*field, err = words(value)
	case *bool:
		fix = "write true or false"
		*field, err = boolean(value)
	case *int:
		fix = "write a number, 0 for no limit"
		*field, err = limit(value)
	case *time.Duration:
		fix = "write a Go duration such as 12h or 90s"
		*field, err = duration(value)
	case *url.Values:
		fix = "write a query string such as audience=https://api.example.com&acr_values=mfa"
		*field, err = parameters(value)
	case *[]byte:
		fix = "name a readable file with a PEM or JWK private key"
		*field, err = content(value)
	case **tls.Certificate:
		fix = "name a readable PEM file with the certificate, or its chain, and its private key"
		*field, err = certificate(value)
	case **x509.CertPool:
		fix = "name a readable file of PEM certificates"
		*field, err = roots(value)
	default:
		err = fmt.Errorf("has the type %T, which no variable sets", field)
	}
	return fix, err
}

// words returns the words of a text, which are separated by blanks.
func words(value string) ([]string, error) {
	list := strings.Fields(value)
	switch {
	case settings.InQuotes(value):
		return nil, errors.New("is in quotes")
	case len(list) == 0:
		return nil, errors.New("holds blanks alone")
	}
	return list, nil
}

func boolean(value string) (bool, error) {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", value)
	}
	return on, nil
}

func limit(value string) (int, error) {
	n, err := strconv.Atoi(value)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(value, "-"):
		return 0, fmt.Errorf("%q is too large", value)
	case err != nil || n < 0:
		return 0, fmt.Errorf("%q is not a number from 0", value)
	}
	return n, nil
}

func duration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil && overflows(value):
		return 0, fmt.Errorf("%q is too large", value)
	case err != nil || d <= 0:
		return 0, fmt.Errorf("%q is not a positive duration", value)
	}
	return d, nil
}

// overflows reports whether a text is a duration that is well-formed but too large.
func overflows(value string) bool {
	_, err := time.ParseDuration(strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '0'
		}
		return r
	}, value))
	return err == nil && !strings.HasPrefix(value, "-") && strings.ContainsAny(value, "hmsuµn") // 0 needs no unit
}

// parameters parses a query string. It refuses likely mistakes: a missing name or value, a value in quotes, and the
// question mark of a URL.
func parameters(value string) (url.Values, error) {
	values, err := url.ParseQuery(value)
	switch {
	case settings.InQuotes(value):
		return nil, errors.New("is in quotes")
	case err != nil || strings.HasPrefix(value, "?") || value != strings.TrimSpace(value):
		return nil, fmt.Errorf("%q is not a query string", value)
	}
	for name, list := range values {
		for _, one := range list {
			switch {
			case name == "" || one == "":
				return nil, fmt.Errorf("%q has a parameter without a name or a value", value)
			case settings.InQuotes(one):
				return nil, fmt.Errorf("the value of %q is in quotes", name)
			}
		}
	}
	return values, nil
}

// Not negates a boolean, for variables with the opposite meaning of their field.
func Not(value string) (string, error) {
	on, err := boolean(value)
	return strconv.FormatBool(!on), err
}

// BoolOr returns a conversion of true to yes and of false to no. It accepts further values as they are.
func BoolOr(yes, no string, further ...string) func(value string) (string, error) {
	return func(value string) (string, error) {
		on, err := strconv.ParseBool(value)
		switch {
		case slices.Contains(further, value):
			return value, nil
		case err != nil:
			return "", fmt.Errorf("%q is none of its values", value)
		case on:
			return yes, nil
		}
		return no, nil
	}
}

// WithUnit reads a plain number as seconds, because MonoCloud's SDK writes durations so under some of our names.
func WithUnit(value string) (string, error) {
	if _, err := strconv.ParseUint(value, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		value += "s"
	}
	return value, nil
}
