import { queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import { imageKeys } from "./imageQueries";
import type { components } from "./workflow-manager";

/** What people draw on images; it is kept with them, and the images are never changed. */

type Schemas = components["schemas"];
export type Annotation = Schemas["AnnotationOut"];
export type AnnotationIn = Schemas["AnnotationIn"];
export type AnnotationChange = Schemas["AnnotationChange"];
export type AnnotationKind = Annotation["kind"];
/** Column and row in pixels of the stored image; 0, 0 is the corner of its first pixel. */
export type PixelPoint = [number, number];

const PER_PAGE = 1000;
const ANNOTATION = "/api/v1/workflowmanager/annotations/{annotation_id}";

async function listAnnotations(series_instance_uid: string): Promise<Annotation[]> {
  const all: Annotation[] = [];
  for (;;) {
    const after = all.at(-1)?.id;
    const page = await answer(
      client.GET("/api/v1/workflowmanager/series/{series_instance_uid}/annotations", {
        params: {
          path: { series_instance_uid },
          query: { limit: PER_PAGE, ...(after && { after }) },
        },
      }),
    );
    all.push(...page.map(asKept));
    if (page.length < PER_PAGE) return all;
  }
}

export const annotationsOf = (series: string) =>
  queryOptions({
    queryKey: imageKeys.annotationsOf(series),
    queryFn: () => listAnnotations(series),
  });

const asRead = ({ id, version }: Annotation) => ({
  path: { annotation_id: id },
  header: { "If-Match": `"${version}"` },
});
// The client forgets that a point has two numbers, no more and no less.
const asKept = (found: Omit<Annotation, "points">) => found as Annotation;
export const drawAnnotation = async (body: AnnotationIn) =>
  asKept(await answer(client.POST("/api/v1/workflowmanager/annotations", { body })));
/** Refused (412) when somebody changed it since it was read. */
export const changeAnnotation = async (annotation: Annotation, body: AnnotationChange) =>
  asKept(await answer(client.PUT(ANNOTATION, { params: asRead(annotation), body })));
export const deleteAnnotation = (annotation: Annotation) =>
  answer(client.DELETE(ANNOTATION, { params: asRead(annotation) }));
export const restoreAnnotation = async (annotation_id: string) =>
  asKept(
    await answer(client.POST(`${ANNOTATION}/restore`, { params: { path: { annotation_id } } })),
  );
