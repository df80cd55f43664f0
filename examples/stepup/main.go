// A bank on gin: to send money a person has to have proven who they are in a stronger way, and
// in the last five minutes. Other libraries call that step-up.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

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
		Keys:         keys,
		Store:        memstore.New(memstore.Options{}),
	})
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.Any("/auth/*path", gin.WrapH(web.Endpoints()))
	router.GET("/", requireLogin(web), account)

	// Which names of acr an IdP knows, and what they mean, its administrator says. They are
	// checked at every request, so that no address of a weaker log-in opens these pages.
	strong := router.Group("/transfer", requireLogin(web, rp.ACR("urn:example:gold"), rp.MaxAge(5*time.Minute)))
	strong.GET("", form)
	strong.POST("", transfer)
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), router))
}

// requireLogin is web.RequireLogin as gin's middleware.
func requireLogin(web *nethttpadapter.Adapter, demands ...rp.LoginOption) gin.HandlerFunc {
	return func(c *gin.Context) {
		web.RequireLogin(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			c.Next()
		}), demands...).ServeHTTP(c.Writer, c.Request)
		c.Abort() // who may not pass has been answered, and for the others all is done
	}
}

func account(c *gin.Context) {
	c.Header("Content-Type", "text/html")
	c.String(http.StatusOK, `<p>The account of %s</p><a href="/transfer">Send money</a>`, subject(c))
}

func form(c *gin.Context) {
	c.Header("Content-Type", "text/html")
	c.String(http.StatusOK, `<form method="post"><input name="to"><button>Send</button></form>`)
}

func transfer(c *gin.Context) {
	c.String(http.StatusOK, "%s has sent money.", subject(c))
}

func subject(c *gin.Context) string { return rp.FromContext(c.Request.Context()).Subject() }
