package main

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"

	"github.com/seed-d65cea4d/ginoidc"
)

// Limits of the memory that signed-in users can fill with notes.
const (
	maxNotes     = 10_000 // of all users
	maxUserNotes = 100
	maxNoteBody  = 8 << 10 // bytes of a request
)

// notes keeps each user's notes in memory.
type notes struct {
	mu     sync.Mutex
	byUser map[owner][]note
	total  int
}

// owner identifies a user by issuer and subject. An e-mail address may be reassigned to another person.
type owner struct{ issuer, subject string }

type note struct {
	Text    string    `json:"text"`
	Written time.Time `json:"written"`
}

func newNotes() *notes { return &notes{byUser: map[owner][]note{}} }

// ownerOf returns the owner of new notes. The routes have a guard, so there is always a user.
func ownerOf(c *gin.Context) owner {
	u, _ := ginoidc.UserFrom(c)
	return owner{u.Issuer, u.Subject}
}

func (n *notes) list(c *gin.Context) {
	n.mu.Lock()
	mine := slices.Clone(n.byUser[ownerOf(c)])
	n.mu.Unlock()
	c.JSON(http.StatusOK, gin.H{"notes": append([]note{}, mine...)})
}

// add accepts {"text": …} as JSON, or a form.
func (n *notes) add(c *gin.Context) {
	var input struct {
		Text string `json:"text" form:"text" binding:"required,max=1000"`
	}
	var body binding.Binding = binding.FormPost
	if c.ContentType() == gin.MIMEJSON {
		body = binding.JSON
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxNoteBody)
	if err := c.ShouldBindWith(&input, body); err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		c.JSON(status, gin.H{"error": "invalid_note", "message": "A note has a text of 1 to 1000 characters."})
		return
	}
	added := note{Text: input.Text, Written: time.Now().UTC().Truncate(time.Second)}
	if !n.keep(ownerOf(c), added) {
		c.JSON(http.StatusConflict, gin.H{"error": "too_many_notes", "message": "There is no room for more notes."})
		return
	}
	c.JSON(http.StatusCreated, added)
}

// keep reports whether there was room.
func (n *notes) keep(o owner, added note) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.byUser[o]) >= maxUserNotes || n.total >= maxNotes {
		return false
	}
	n.byUser[o] = append(n.byUser[o], added)
	n.total++
	return true
}
