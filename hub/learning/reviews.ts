// The reviews of a facility's predictions, as they were found.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import type { ReviewView } from './contract.ts';

/** Reviews are kept as they were found and never changed. */
export async function keepReview(database: Database, facility: string, review: ReviewView): Promise<void> {
  await sql`
    insert into model_reviews (facility, at, review) values (${facility}, ${new Date(review.at)}, ${JSON.stringify(review)}::jsonb)`.execute(
    database.kysely,
  );
}

/** Newest first, of a year. */
export async function reviewsOf(database: Database, facility: string): Promise<ReviewView[]> {
  const { rows } = await sql<{ review: ReviewView }>`
    select review from model_reviews where facility = ${facility} order by at desc, id desc limit 53`.execute(database.kysely);
  return rows.map(row => row.review);
}
