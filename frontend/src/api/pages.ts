import { infiniteQueryOptions, keepPreviousData, type QueryKey } from "@tanstack/react-query";

/** Lists that the server gives page by page. */

interface Page<Row> {
  items: Row[];
  next?: number | null;
}

/** A list of rows of which each page goes on where the one before ended. */
export const pagesOf = <Row>(
  queryKey: QueryKey,
  size: number,
  list: (after: string | null) => Promise<Row[]>,
  cursorOf: (row: Row) => string,
) =>
  infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam }) => list(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => {
      const last = page.at(-1);
      return last === undefined || page.length < size ? undefined : cursorOf(last);
    },
    select: allRows,
    placeholderData: keepPreviousData,
  });

/** The same of a list whose pages name the next one. */
export const numberedPagesOf = <Row>(
  queryKey: QueryKey,
  list: (after: number) => Promise<Page<Row>>,
) =>
  infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam }) => list(pageParam),
    initialPageParam: 0,
    getNextPageParam: ({ next }) => next ?? undefined,
    select: allItems,
  });

// Not made anew for each question: then rows that are the same stay the same.
export const allRows = <Row>({ pages }: { pages: Row[][] }): Row[] => pages.flat();
const allItems = <Row>({ pages }: { pages: Page<Row>[] }): Row[] =>
  pages.flatMap(({ items }) => items);

interface Paged {
  hasNextPage: boolean;
  isFetching: boolean;
  fetchNextPage: () => unknown;
}

/** Asks for the next page; undefined where there is none, and while something is under way. */
export const moreOf = ({
  hasNextPage,
  isFetching,
  fetchNextPage,
}: Paged): (() => void) | undefined =>
  hasNextPage && !isFetching ? () => void fetchNextPage() : undefined;

/** The same for a list that asks by itself: not again and again when it has failed. */
export const atEndOf = (query: Paged & { isError: boolean }): (() => void) | undefined =>
  query.isError ? undefined : moreOf(query);
