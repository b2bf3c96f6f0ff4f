import { expect, test } from "vitest";
import { choosePlatform, type Platform } from "./platform.ts";

test("takes the first platform that stands, and tries none after it", async () => {
  const tried: Platform[] = [];
  const choice = await choosePlatform((platform) => {
    tried.push(platform);
    return Promise.resolve(platform === "kvm" ? null : "is not there");
  });
  expect(choice).toEqual({ kind: "stands", platform: "kvm" });
  expect(tried).toEqual(["systrap", "kvm"]);
});

test("says of each platform why it does not stand", async () => {
  const choice = await choosePlatform((platform) => Promise.resolve(`no ${platform}`));
  const why = ["systrap: no systrap", "kvm: no kvm", "ptrace: no ptrace"];
  expect(choice).toEqual({ kind: "none", why });
});
