package cookiestore_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
)

// The middleware of gin-contrib/sessions keeps what the app puts into the session in sealed cookies.
func ExampleNew() {
	store, err := cookiestore.New(cookiestore.Config{
		Secrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, // openssl rand -base64 32
	})
	if err != nil {
		log.Fatal(err)
	}
	router := exampleRouter()
	router.Use(sessions.Sessions("__Host-app", store))
	router.GET("/visits", func(c *gin.Context) {
		session := sessions.Default(c)
		visits, _ := session.Get("visits").(int)
		session.Set("visits", visits+1)
		if err := session.Save(); err != nil { // before the response is written
			c.Status(http.StatusInternalServerError)
			return
		}
		c.String(http.StatusOK, "visit %d", visits+1)
	})

	cookies := visit(router, nil)
	visit(router, cookies)
	visit(router, []*http.Cookie{{Name: "__Host-app", Value: "forged"}})
	// Output:
	// visit 1
	// visit 2
	// visit 1
}

// Cookies that one instance of an app has sealed are opened by every instance with the secret. To replace a secret, put
// the new one first and remove the old one once MaxAge has passed.
func ExampleConfig_rotation() {
	old, current := "Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe", "q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"
	var cookies []*http.Cookie
	for _, secrets := range [][]string{{old}, {current, old}, {current}} {
		store, err := cookiestore.New(cookiestore.Config{Secrets: secrets})
		if err != nil {
			log.Panic(err)
		}
		router := exampleRouter()
		router.Use(sessions.Sessions("__Host-app", store))
		router.GET("/visits", func(c *gin.Context) {
			session := sessions.Default(c)
			visits, _ := session.Get("visits").(int)
			session.Set("visits", visits+1)
			_ = session.Save()
			c.String(http.StatusOK, "visit %d", visits+1)
		})
		cookies = visit(router, cookies)
	}
	// Output:
	// visit 1
	// visit 2
	// visit 3
}

// A session that does not fit in its cookies is an error, and nothing is set. Keep an id in the session and the rest in
// a database.
func ExampleSizeError() {
	store, err := cookiestore.New(cookiestore.Config{
		Secrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, MaxChunks: 1,
	})
	if err != nil {
		log.Panic(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	session, err := store.Get(r, "__Host-app")
	if err != nil {
		log.Panic(err)
	}
	session.Values["cart"] = strings.Repeat("one more thing, ", 300)

	w := httptest.NewRecorder()
	err = store.Save(r, w, session)
	var size *cookiestore.SizeError
	if errors.As(err, &size) {
		fmt.Println("too large:", size.Size > size.Limit, "cookies set:", len(w.Result().Cookies()))
	}
	// Output: too large: true cookies set: 0
}

func exampleRouter() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	return gin.New()
}

// visit prints the response to a browser with these cookies, and returns the cookies that it has then.
func visit(router *gin.Engine, cookies []*http.Cookie) []*http.Cookie {
	r := httptest.NewRequest(http.MethodGet, "/visits", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	fmt.Println(w.Body)
	return w.Result().Cookies()
}
