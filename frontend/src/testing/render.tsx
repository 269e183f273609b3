import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type { ReactElement } from "react";

import { makeQueryClient } from "../api/queries";

/** Renders under the providers a screen has, with a cache of its own. */
export function renderScreen(screen: ReactElement, client = makeQueryClient()) {
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>{screen}</QueryClientProvider>
    </MantineProvider>,
  );
  return client;
}
