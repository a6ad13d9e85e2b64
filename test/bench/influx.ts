// Asks InfluxDB itself what it has, past the hub's own reading.

/** Rows of one answer: `[time in ms, …]`. @throws Error with what InfluxDB says. */
export async function ask(influxUrl: string, database: string, statement: string): Promise<(number | string | null)[][]> {
  const answer = await fetch(`${influxUrl}/query?${new URLSearchParams({ db: database, epoch: 'ms' })}`, {
    method: 'POST',
    body: new URLSearchParams({ q: statement }),
  });
  type Answer = { error?: string; results?: { error?: string; series?: { values: (number | string | null)[][] }[] }[] };
  const said = (await answer.json()) as Answer;
  const error = said.error ?? said.results?.[0]?.error;
  if (error) throw new Error(`InfluxDB: ${error}`);
  return said.results?.[0]?.series?.[0]?.values ?? [];
}
