// Shows the contract of this API with Swagger UI.

const dark = matchMedia("(prefers-color-scheme: dark)");
const applyColors = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", applyColors);
applyColors();

// The token is kept while the tab is open, also when the page is loaded again. `persistAuthorization` of Swagger UI would
// keep it in the browser until somebody removes it.
const KEY = "authorization";
const kept = () => JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
const keep = (authorized) => sessionStorage.setItem(KEY, JSON.stringify(authorized));
const keepAuthorization = {
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original) => (payload) => {
          keep({ ...kept(), ...payload });
          return original(payload);
        },
        authorizeOauth2: (original) => (payload) => {
          keep({ ...kept(), [payload.auth.name]: { ...payload.auth, token: payload.token } });
          return original(payload);
        },
        logout: (original) => (names) => {
          keep(Object.fromEntries(Object.entries(kept()).filter(([name]) => !names.includes(name))));
          return original(names);
        },
      },
    },
  },
};

// Swagger UI fills in examples and defaults of parameters, and sends them. A list would be filtered by all examples, and
// every task would be created with the same Idempotency-Key. So the page shows them in descriptions instead.
const describeExamples = {
  statePlugins: {
    spec: {
      wrapActions: {
        updateSpec: (original) => (text) => {
          const contract = JSON.parse(text);
          const optional = Object.values(contract.components.parameters).filter(({ required }) => !required);
          optional.forEach((parameter) => describeExample(parameter, contract.components.schemas));
          return original(JSON.stringify(contract));
        },
      },
    },
  },
};

function describeExample(parameter, schemas) {
  const { example } = parameter;
  // A copy, because several parameters can have the same schema.
  const schema = { ...(schemas[parameter.schema.$ref?.split("/").pop()] ?? parameter.schema) };
  const values = [["Example", example ?? schema.examples?.[0]], ["Default", schema.default]];
  for (const [name, value] of values) {
    if (value !== undefined && value !== "") parameter.description += ` ${name}: \`${value}\`.`;
  }
  delete parameter.example;
  delete schema.examples;
  delete schema.default;
  parameter.schema = schema;
}

const ui = SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  defaultModelRendering: "example",
  requestSnippetsEnabled: false,
  // Any other value sends the document to a server of somebody else.
  validatorUrl: "none",
  plugins: [keepAuthorization, describeExamples],
  onComplete: () => {
    ui.authActions.restoreAuthorization({ authorized: kept() });
    // They repeat the other operations, and would make the page four times as long.
    ui.layoutActions.show(["operations-tag", "aliases"], false);
  },
});
