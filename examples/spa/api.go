package main

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// notes stands for a database of the app: each user has their own.
type notes struct {
	mu     sync.Mutex
	byUser map[string][]string
}

func (n *notes) list(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	n.mu.Lock()
	defer n.mu.Unlock()
	c.JSON(http.StatusOK, append([]string{}, n.byUser[u.Subject]...))
}

func (n *notes) add(c *gin.Context) {
	var note struct {
		Text string `json:"text" binding:"required,max=200"`
	}
	if err := c.ShouldBindJSON(&note); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": "invalid_note"})
		return
	}
	u, _ := ginoidc.UserFrom(c)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byUser == nil {
		n.byUser = map[string][]string{}
	}
	n.byUser[u.Subject] = append(slices.Clip(n.byUser[u.Subject]), note.Text)
	c.Status(http.StatusNoContent)
}

// newCalendar returns the other API. It knows nothing of the app and its sessions: it accepts access tokens of the
// provider that are for this API.
func newCalendar(idp *ginoidctest.Provider, resource string) (http.Handler, error) {
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), ClientID: "calendar", ClientSecret: "unused", Audience: resource, Transport: idp.Transport(),
		}},
		AppURL: resource, CookieSecrets: []string{rand.Text() + rand.Text()},
	})
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/events", auth.RequireScopes("calendar:read"), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.JSON(http.StatusOK, gin.H{"events": []string{"lunch with " + u.Subject}, "cookies": len(c.Request.Cookies())})
	})
	return router, nil
}
