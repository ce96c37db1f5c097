package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
)

func TestClaimsOf(t *testing.T) {
	u := &ginoidc.User{
		Issuer: "https://idp.example", Subject: "alice", Groups: []string{"admin", "staff"},
		AuthTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Extra:    []byte(`{"level":7,"address":{"country":"CH"},"mixed":["a",1],"city":"Bern"}`),
	}
	got, err := claimsOf(u)
	want := []claim{
		{"address", `{"country":"CH"}`, nil},
		{"auth_time", "Fri, 02 Jan 2026 03:04:05 UTC", nil},
		{"city", "Bern", nil},
		{"groups", "", []string{"admin", "staff"}},
		{"iss", "https://idp.example", nil},
		{"level", "7", nil},
		{"mixed", `["a",1]`, nil},
		{"sub", "alice", nil},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %v\nwant %v", err, got, want)
	}
}
