package main

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// sessions lets users list their own sessions and end them.
type sessions struct{ auth *ginoidc.Auth }

func (s sessions) list(c *gin.Context) {
	mine, err := s.mine(c)
	if err != nil {
		s.auth.Deny(c, err)
		return
	}
	c.JSON(http.StatusOK, mine)
}

// mine returns the sessions of the user. The subject comes from the session and never from the request, so users cannot
// list the sessions of others.
func (s sessions) mine(c *gin.Context) ([]ginoidc.SessionInfo, error) {
	u, _ := ginoidc.UserFrom(c)
	return s.auth.ForProvider(u.Provider).UserSessions(c.Request.Context(), u.Subject)
}

// end ends one of the user's own sessions. The response is the same for an id of another user and for an unknown id.
func (s sessions) end(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	id := c.Param("id")
	mine, err := s.mine(c)
	switch i := slices.IndexFunc(mine, func(one ginoidc.SessionInfo) bool { return one.ID == id }); {
	case err != nil:
	case i < 0:
		c.JSON(http.StatusNotFound, gin.H{"error": "no_session", "message": "You have no session of this id."})
		return
	case mine[i].Current:
		err = s.auth.EndSession(c) // also deletes the cookie
	default:
		err = s.auth.ForProvider(u.Provider).EndUserSession(c.Request.Context(), u.Subject, id)
	}
	s.ended(c, err)
}

// endAll ends all sessions of the user, the current one included.
func (s sessions) endAll(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	s.ended(c, s.auth.ForProvider(u.Provider).EndUserSessions(c.Request.Context(), u.Subject))
}

func (s sessions) ended(c *gin.Context, err error) {
	if err != nil {
		s.auth.Deny(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
