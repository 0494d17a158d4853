/** The HTTP API, readable: swagger-ui over the node's own OpenAPI document. */
import SwaggerUI from "swagger-ui-dist/swagger-ui-bundle";
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

SwaggerUI({
  url: "/api/openapi.json",
  dom_id: "#app",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // nothing leaves this machine
});
