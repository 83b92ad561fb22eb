import type { NextConfig } from "next";

export default {
  poweredByHeader: false,
  // Used from `node_modules`: bundling it for the server takes most of the time of a build.
  serverExternalPackages: ["better-auth"],
} satisfies NextConfig;
