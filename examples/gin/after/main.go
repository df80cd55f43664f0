// A library's counter on gin, with gin-contrib/sessions and a log-in by Tandem.
package main

import (
	"context"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

//go:embed page.html
var page string

// person is what the library wants to know of somebody.
type person struct {
	Name string `json:"name"`
}

func main() {
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: rp.Secret(os.Getenv("CLIENT_SECRET")),
		BaseURL:      os.Getenv("BASE_URL"),
		Scopes:       []string{"openid", "profile"},
		Keys:         keys,
		Store:        memstore.New(memstore.Options{}), // more than one instance: redisstore or pgstore
	})
	if err != nil {
		log.Fatal(err)
	}

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.SetHTMLTemplate(template.Must(template.New("page").Parse(page)))
	router.Use(sessions.Sessions("library", values{auth.Values()}))
	router.GET("/", home)
	router.POST("/loans", borrow)

	// gin's engine is a http.Handler, and all of this app is private. For groups and single
	// routes see ../../stepup.
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(router))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), mux))
}

// values are the session's own, as gin-contrib/sessions wants them. There is no cookie of
// theirs to set options of.
type values struct{ gorilla.Store }

func (values) Options(sessions.Options) {}

func home(c *gin.Context) {
	s := sessions.Default(c)
	flashes := s.Flashes()
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	loans, _ := s.Get("loans").(int)
	var who person
	_ = rp.FromContext(c.Request.Context()).Claims(&who) // who has no name is greeted without one
	c.HTML(http.StatusOK, "page", gin.H{"Name": who.Name, "Loans": loans, "Flashes": flashes})
}

func borrow(c *gin.Context) {
	s := sessions.Default(c)
	loans, _ := s.Get("loans").(int)
	s.Set("loans", loans+1)
	s.AddFlash("Enjoy " + c.PostForm("book") + ".")
	if err := s.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/")
}
