// An app on the generated types; read by tsc.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type Problem = components["schemas"]["Problem"];

export async function usedMwh(baseUrl: string, token: string): Promise<(number | null)[]> {
  const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const { data: listed, error } = await api.GET("/v1/meters", { params: { query: { limit: 1 } } });
  const meter = listed?.meters[0]?.meter;
  if (meter === undefined) throw new Error((error as Problem | undefined)?.hint ?? "no meter");
  const { data: report, error: refused } = await api.GET("/v1/meters/{meter}/usage", {
    params: {
      path: { meter },
      query: { from: "2026-03-01", to: "2026-03-02", resolution: "hour" },
    },
  });
  if (report === undefined) throw new Error(refused.detail);
  return report.intervals.map((one) => one.import_mwh ?? null);
}
