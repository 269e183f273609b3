import { cache, init as initCore } from "@cornerstonejs/core";
import { init as initLoader, wadouri } from "@cornerstonejs/dicom-image-loader";
import { utilities } from "@cornerstonejs/metadata";
import {
  addTool,
  annotation,
  CrosshairsTool,
  init as initTools,
  PanTool,
  StackScrollTool,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";

import { authorizationHeader, sessionStore } from "../../api/session";
import { MEASURES } from "./measuring";

const CACHE_BYTES = 512 * 1024 * 1024;
let started = false;

/** Once per page, however often a viewer mounts. */
export function startCornerstone(): void {
  if (started) return;
  started = true;
  initCore();
  initTools();
  initLoader({
    maxWebWorkers: Math.max(1, Math.min(4, Math.floor(navigator.hardwareConcurrency / 2))),
    // Asked at every request: a token of an earlier login is never sent.
    beforeSend: (_request: XMLHttpRequest, imageId: string) => ({
      ...authorizationHeader(),
      // A file by itself: WADO-RS would put parts around it.
      ...(imageId.startsWith("wadouri:") && { Accept: "application/dicom" }),
    }),
  });
  cache.setMaxCacheSize(CACHE_BYTES);
  const movers = [WindowLevelTool, StackScrollTool, ZoomTool, PanTool, CrosshairsTool];
  for (const tool of [...movers, ...MEASURES.map((each) => each.tool)]) addTool(tool);
  // The next user of this screen must not find the last one's images in memory.
  sessionStore.subscribe(() => {
    if (sessionStore.get().token) return;
    annotation.state.removeAllAnnotations();
    cache.purgeCache();
    wadouri.dataSetCacheManager.purge();
    utilities.clearCacheData();
  });
}

/**
 * Lets a click leave the focus with what is around the image: an image that has it takes every key,
 * and none of the shortcuts does anything.
 */
export function leaveKeys(element: HTMLElement): void {
  element.removeAttribute("tabindex");
}
