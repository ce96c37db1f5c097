package ginoidc_test

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// deviceOf names the device of a request, for Config.SessionLabel.
func deviceOf(r *http.Request) string {
	agent := r.UserAgent()
	for _, name := range []string{"iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux"} {
		if strings.Contains(agent, name) {
			return name
		}
	}
	return "Another device"
}

// devicesPage lets users see their sessions and end them.
func devicesPage(router *gin.Engine, auth *ginoidc.Auth) {
	page := template.Must(template.New("devices").Parse(`<!doctype html>
<title>Your devices</title>
<ul>{{range .}}
<li>{{.Label}}, since {{.Started.Format "2 January, 15:04"}}
{{if .Current}}(this one)
{{else}}<form method="post" action="/devices/{{.ID}}/end"><button>Sign out</button></form>{{end}}
{{end}}</ul>
<form method="post" action="/devices/end-others"><button>Sign out everywhere else</button></form>`))

	devices := router.Group("/devices", auth.RequireAuth())
	devices.GET("", func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		list, err := auth.UserSessions(c, user.Subject)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.Header("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(c.Writer, list)
	})
	devices.POST("/:id/end", func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		if err := auth.EndUserSession(c, user.Subject, c.Param("id")); err != nil {
			auth.Deny(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/devices")
	})
	devices.POST("/end-others", func(c *gin.Context) {
		if err := auth.EndOtherSessions(c); err != nil {
			auth.Deny(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/devices")
	})
}
