declare module "swagger-ui-dist/swagger-ui-bundle" {
  interface Options {
    url: string;
    dom_id: string;
    deepLinking?: boolean;
    displayRequestDuration?: boolean;
    validatorUrl?: string | null;
  }
  export default function SwaggerUI(options: Options): unknown;
}
