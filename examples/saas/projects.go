package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// maxName bounds the name of a project.
const maxName = 100

// projects stands for a database. Each query has the tenant in it.
type projects struct {
	mu       sync.Mutex
	byTenant map[string][]string
}

func newProjects() *projects { return &projects{byTenant: map[string][]string{}} }

// list shows the projects of the tenant.
func (p *projects) list(c *gin.Context) {
	org := c.Param("org")
	p.mu.Lock()
	names := slices.Clone(p.byTenant[org])
	p.mu.Unlock()
	c.HTML(http.StatusOK, "tenant.html", gin.H{"C": c, "Org": org, "Projects": names, "Admin": org + "/admin"})
}

// add adds a project.
func (p *projects) add(c *gin.Context) {
	name := strings.TrimSpace(c.PostForm("name"))
	if name == "" || len(name) > maxName {
		c.String(http.StatusBadRequest, "A project needs a name of at most %d bytes.", maxName)
		return
	}
	org := c.Param("org")
	p.mu.Lock()
	p.byTenant[org] = append(p.byTenant[org], name)
	p.mu.Unlock()
	c.Redirect(http.StatusSeeOther, "/t/"+org)
}

// remove removes all projects of the name.
func (p *projects) remove(c *gin.Context) {
	org, name := c.Param("org"), c.PostForm("name")
	p.mu.Lock()
	p.byTenant[org] = slices.DeleteFunc(p.byTenant[org], func(other string) bool { return other == name })
	p.mu.Unlock()
	c.Redirect(http.StatusSeeOther, "/t/"+org)
}
