export default {
  dialect: "postgresql",
  schema: ["./users.ts", "./tasks.ts"],
  out: "./out",
  dbCredentials: { url: process.env.URL },
};
