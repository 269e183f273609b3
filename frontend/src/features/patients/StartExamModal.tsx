import { zodResolver } from "@hookform/resolvers/zod";
import { Button, Modal, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Controller, useForm } from "react-hook-form";
import { z } from "zod/mini";

import { createExamFromTemplate } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Exam, Patient } from "../../api/types";
import { plural, t } from "../../i18n";
import { personName } from "../../shared/format";
import { protocolsToUse } from "../exam/protocols";
import page from "../../shared/page.module.css";
import { POSITION_WORDS, POSITIONS } from "../../shared/patient";
import { Empty, ErrorLine, QueryView } from "../../shared/states";

const needed = (message: string) => z.string().check(z.trim(), z.minLength(1, message));
const schema = z.object({
  template: needed(t("Choose what to scan")),
  name: needed(t("The exam needs a name")),
  indication: needed(t("The indication is needed")),
  description: z.string(),
  comment: z.string(),
  position: z.nullable(z.enum(POSITIONS)),
});
type Form = z.infer<typeof schema>;

export default function StartExamModal({
  patient,
  onClose,
}: {
  patient: Patient;
  onClose: () => void;
}) {
  const found = useQuery(queries.templates);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("Start an exam for {patient}", { patient: personName(patient) })}
    >
      <QueryView query={found} rows={5} safe={t("Nothing was created.")}>
        {(templates) => {
          const list = protocolsToUse(templates);
          return list.length === 0 ? (
            <Empty title={t("There is no exam template")}>
              {t(
                "An exam is copied from a template; ask whoever plans protocols here to make one.",
              )}
            </Empty>
          ) : (
            <ExamForm templates={list} patient={patient} onClose={onClose} />
          );
        }}
      </QueryView>
    </Modal>
  );
}

function ExamForm({
  templates,
  patient,
  onClose,
}: {
  templates: Exam[];
  patient: Patient;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const only = templates.length === 1 ? templates[0] : undefined;
  const { register, control, handleSubmit, setValue, formState } = useForm<Form>({
    resolver: zodResolver(schema),
    defaultValues: {
      template: only?.id ?? "",
      name: only?.name ?? "",
      indication: only?.indication ?? "",
      description: only?.description ?? "",
      comment: "",
      position: only?.patient_position ?? null,
    },
  });
  const create = useMutation({
    mutationFn: ({ template, comment, position, ...form }: Form) =>
      createExamFromTemplate(template, {
        ...form,
        comment: comment || null,
        patient_position: position,
        patient_id: patient.id,
        status: "NEW",
        is_template: false,
      }),
    onSuccess: (exam) => {
      void client.invalidateQueries({ queryKey: keys.worklist });
      onClose();
      void navigate({ to: "/exams/$examId", params: { examId: exam.id } });
    },
  });
  const fill = (id: string | null) => {
    const template = templates.find((candidate) => candidate.id === id);
    if (!template) return;
    setValue("template", template.id, { shouldValidate: true });
    setValue("name", template.name, { shouldValidate: formState.isSubmitted });
    setValue("description", template.description);
    setValue("position", template.patient_position ?? null);
  };
  const error = (field: keyof Form) => formState.errors[field]?.message;
  return (
    <form
      className={page.form}
      noValidate
      aria-label={t("Exam")}
      onSubmit={handleSubmit((form) => create.mutate(form))}
    >
      <Controller
        control={control}
        name="template"
        render={({ field }) => (
          <Select
            label={t("Template")}
            placeholder={t("What to scan")}
            searchable
            allowDeselect={false}
            data={templates.map((template) => ({
              value: template.id,
              label: `${template.name} (${countTasks(template)})`,
            }))}
            {...field}
            onChange={fill}
            error={error("template")}
          />
        )}
      />
      <TextInput label={t("Exam name")} {...register("name")} error={error("name")} />
      <TextInput
        label={t("Indication")}
        data-autofocus
        {...register("indication")}
        error={error("indication")}
      />
      <Controller
        control={control}
        name="position"
        render={({ field }) => (
          <Select
            label={t("Patient position")}
            placeholder={t("Asked before the first scan")}
            clearable
            data={POSITIONS.map((value) => ({
              value,
              label: `${POSITION_WORDS[value]} (${value})`,
            }))}
            {...field}
          />
        )}
      />
      <Textarea label={t("Description")} autosize minRows={1} {...register("description")} />
      <Textarea label={t("Comment")} autosize minRows={1} {...register("comment")} />
      <ErrorLine error={create.error} />
      <div className={page.formEnd}>
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button type="submit" loading={create.isPending}>
          {t("Open exam")}
        </Button>
      </div>
    </form>
  );
}

function countTasks(template: Exam): string {
  const count = template.workflows.reduce((sum, { tasks }) => sum + tasks.length, 0);
  return plural(count, "{n} task", "{n} tasks");
}
