package example;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.CookieManager;
import java.util.Map;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;

/** idp-mock runs beside: go run ./idp-mock -client spring,s3cret,http://localhost:8080,/login/oauth2/code/mock */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
class AppTest {
    @Value("${spring.security.oauth2.client.provider.mock.issuer-uri}")
    String issuer;
    @LocalServerPort
    int port;

    final ObjectMapper json = new ObjectMapper();
    final HttpClient http = HttpClient.newBuilder().cookieHandler(new CookieManager()).build(); // follows no redirect

    @BeforeEach
    void emptyTheIdP() throws Exception {
        assertThat(mock("POST", "reset", Map.of()).statusCode()).isEqualTo(204);
        var uris = new String[] {app("/login/oauth2/code/mock")}; // the port is random
        assertThat(mock("PUT", "clients/spring", Map.of("redirect_uris", uris)).statusCode()).isEqualTo(200);
    }

    @Test
    void aPersonSignsIn() throws Exception {
        assertThat(get(app("/me")).statusCode()).isEqualTo(302);
        var atTheIdP = get(app("/oauth2/authorization/mock")).headers().firstValue("Location").orElseThrow();
        var answer = mock("POST", "authorize", Map.of("user", "ada", "url", atTheIdP));
        var callback = json.readTree(answer.body()).get("callback").asText();
        assertThat(get(callback).statusCode()).isEqualTo(302);
        JsonNode me = json.readTree(get(app("/me")).body());
        assertThat(me.get("sub").asText()).isEqualTo("ada");
        assertThat(me.get("name").asText()).isEqualTo("ada");
    }

    @Test
    void theApiTakesATokenAndRefusesOneThatRanOut() throws Exception {
        assertThat(api(mint(Map.of("client", "spring", "user", "ada", "claims", Map.of("roles", new String[] {"admin"})))).body())
            .contains("\"sub\":\"ada\"").contains("admin");
        var old = mint(Map.of("client", "spring", "user", "ada", "lifetime", "-10m"));
        assertThat(api(old).statusCode()).isEqualTo(401);
        assertThat(api("nonsense").statusCode()).isEqualTo(401);
    }

    String mint(Map<String, ?> wish) throws Exception {
        return json.readTree(mock("POST", "tokens", wish).body()).get("access_token").asText();
    }

    HttpResponse<String> api(String token) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(app("/api/whoami"))).header("Authorization", "Bearer " + token).build();
        return http.send(request, BodyHandlers.ofString());
    }

    HttpResponse<String> mock(String method, String path, Map<String, ?> body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(issuer + "/_mock/" + path))
            .method(method, BodyPublishers.ofString(body.isEmpty() ? "" : json.writeValueAsString(body))).build();
        return http.send(request, BodyHandlers.ofString());
    }

    HttpResponse<String> get(String url) throws Exception {
        return http.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString());
    }

    String app(String path) {
        return "http://localhost:" + port + path;
    }
}
