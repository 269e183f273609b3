import { zodResolver } from "@hookform/resolvers/zod";
import { Button, Modal, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import { z } from "zod/mini";

import { createPatient, updatePatient } from "../../api/endpoints";
import { keys } from "../../api/queries";
import { sessionStore } from "../../api/session";
import type { Patient, PregnancyStatus } from "../../api/types";
import { t } from "../../i18n";
import { ageText, day, isoDate, isRealDate, personName, toNumber } from "../../shared/format";
import page from "../../shared/page.module.css";
import { isUnscreened, PREGNANCY_WORDS } from "../../shared/patient";
import { ErrorLine } from "../../shared/states";

const name = (what: string) =>
  z
    .string()
    .check(
      z.trim(),
      z.minLength(1, t("{what} is needed", { what })),
      z.maxLength(200, t("Too long")),
    );
const quantity = (what: string, low: number, high: number, unit: string) =>
  z.string().check(
    z.refine((typed) => toNumber(typed) !== null, t("{what} in {unit} is needed", { what, unit })),
    z.refine(
      (typed) => within(toNumber(typed), low, high),
      t("{what} is not plausible: {low} to {high} {unit}", { what, low, high, unit }),
    ),
  );
const within = (value: number | null, low: number, high: number) =>
  value === null || (value >= low && value <= high);

const PREGNANCY = Object.keys(PREGNANCY_WORDS) as PregnancyStatus[];
const MOST = 16;
const alerts = z.string().check(
  z.refine((typed) => linesOf(typed).every((line) => line.length <= 64), t("64 characters each")),
  z.refine((typed) => linesOf(typed).length <= MOST, t("At most {most}", { most: MOST })),
  z.regex(/^[^\\]*$/, t("No backslash")),
);
const linesOf = (typed: string) =>
  typed
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

const schema = z.object({
  patient_id: z
    .string()
    .check(
      z.trim(),
      z.maxLength(64, t("At most 64 characters")),
      z.regex(/^[^\\]*$/, t("No backslash")),
    ),
  last_name: name(t("The last name")),
  first_name: name(t("The first name")),
  birth_date: z.string().check(
    z.refine(isRealDate, t("Birth date as YYYY-MM-DD is needed")),
    z.refine((date) => date >= "1880-01-01", t("This lies before 1880")),
    z.refine((date) => date <= day(Date.now()), t("This lies in the future")),
  ),
  sex: z.enum(["FEMALE", "MALE", "OTHER", "NOT_GIVEN"]),
  weight: quantity(t("Weight"), 0.3, 500, "kg"),
  height: quantity(t("Height"), 20, 280, "cm"),
  comment: z.string().check(z.maxLength(10_000, t("Too long"))),
  screened: z.enum(["unasked", "none", "some"]),
  implants: alerts,
  allergies: alerts,
  medical_alerts: alerts,
  pregnancy: z.enum(["unasked", ...PREGNANCY]),
});
const complete = schema.check(
  z.refine(({ screened, implants }) => screened !== "some" || linesOf(implants).length > 0, {
    path: ["implants"],
    error: t("Name them: a person has to weigh each"),
  }),
);
type Form = z.infer<typeof schema>;

interface Props {
  /** Null registers a new one. */
  patient: Patient | null;
  onClose: () => void;
  onSaved?: (patient: Patient) => void;
}

export default function PatientModal({ patient, onClose, onSaved }: Props) {
  const client = useQueryClient();
  const { register, control, handleSubmit, formState, setValue, watch } = useForm<Form>({
    resolver: zodResolver(complete),
    mode: "onTouched",
    defaultValues: {
      patient_id: patient?.patient_id ?? "",
      last_name: patient?.last_name ?? "",
      first_name: patient?.first_name ?? "",
      birth_date: patient?.birth_date ?? "",
      sex: patient?.sex ?? "NOT_GIVEN",
      weight: patient?.weight ? String(patient.weight) : "",
      height: patient?.height ? String(patient.height) : "",
      comment: patient?.comment ?? "",
      screened:
        !patient || isUnscreened(patient) ? "unasked" : patient.implants?.length ? "some" : "none",
      implants: patient?.implants?.join("\n") ?? "",
      allergies: patient?.allergies?.join("\n") ?? "",
      medical_alerts: patient?.medical_alerts?.join("\n") ?? "",
      pregnancy: patient?.pregnancy_status ?? "unasked",
    },
  });
  const save = useMutation({
    mutationFn: ({ screened, pregnancy, ...form }: Form) => {
      const body = {
        ...form,
        implants: screened === "unasked" ? null : screened === "none" ? [] : linesOf(form.implants),
        allergies: linesOf(form.allergies),
        medical_alerts: linesOf(form.medical_alerts),
        pregnancy_status: pregnancy === "unasked" ? null : pregnancy,
        patient_id: form.patient_id || null,
        weight: toNumber(form.weight) ?? Number.NaN,
        height: toNumber(form.height) ?? Number.NaN,
        comment: form.comment || null,
        issuer: patient?.issuer ?? sessionStore.get().user?.username ?? "",
        status: patient ? ("UPDATED" as const) : ("NEW" as const),
      };
      return patient ? updatePatient(patient.id, patient.version, body) : createPatient(body);
    },
    onSuccess: (saved) => {
      client.setQueryData(keys.patient(saved.id), saved);
      void client.invalidateQueries({ queryKey: keys.patients });
      void client.invalidateQueries({ queryKey: keys.worklist });
      onClose();
      onSaved?.(saved);
    },
  });
  const date = isoDate(watch("birth_date"));
  const born = isRealDate(date) ? ageText(date) : null;
  const error = (field: keyof Form) => formState.errors[field]?.message;
  return (
    <Modal
      opened
      onClose={onClose}
      title={
        patient ? t("Edit {patient}", { patient: personName(patient) }) : t("Register patient")
      }
      closeOnClickOutside={!formState.isDirty}
    >
      <form
        className={page.form}
        noValidate
        aria-label={t("Patient")}
        onSubmit={handleSubmit((form) => save.mutate(form))}
      >
        <div className={page.pair}>
          <TextInput
            label={t("Last name")}
            data-autofocus
            autoComplete="off"
            {...register("last_name")}
            error={error("last_name")}
          />
          <TextInput
            label={t("First name")}
            autoComplete="off"
            {...register("first_name")}
            error={error("first_name")}
          />
        </div>
        <TextInput
          label={t("Patient ID")}
          description={t("The hospital's number, if there is one")}
          autoComplete="off"
          {...register("patient_id")}
          error={error("patient_id")}
        />
        <div className={page.pair}>
          <TextInput
            label={t("Birth date{born}", { born: born ? ` (${born})` : "" })}
            placeholder={t("YYYY-MM-DD")}
            inputMode="numeric"
            autoComplete="off"
            {...register("birth_date", { setValueAs: isoDate })}
            onBlur={(event) => {
              setValue("birth_date", isoDate(event.target.value), { shouldValidate: true });
            }}
            error={error("birth_date")}
          />
          <Controller
            control={control}
            name="sex"
            render={({ field }) => (
              <Select
                label={t("Sex")}
                allowDeselect={false}
                data={[
                  { value: "FEMALE", label: t("Female") },
                  { value: "MALE", label: t("Male") },
                  { value: "OTHER", label: t("Other") },
                  { value: "NOT_GIVEN", label: t("Not given") },
                ]}
                {...field}
                error={error("sex")}
              />
            )}
          />
        </div>
        <div className={page.pair}>
          <TextInput
            label={t("Weight")}
            inputMode="decimal"
            autoComplete="off"
            rightSection="kg"
            {...register("weight")}
            error={error("weight")}
          />
          <TextInput
            label={t("Height")}
            inputMode="decimal"
            autoComplete="off"
            rightSection="cm"
            {...register("height")}
            error={error("height")}
          />
        </div>
        <div className={page.pair}>
          <Controller
            control={control}
            name="screened"
            render={({ field }) => (
              <Select
                label={t("Implants or metal in the body")}
                allowDeselect={false}
                data={[
                  { value: "unasked", label: t("Not asked yet") },
                  { value: "none", label: t("None") },
                  { value: "some", label: t("Yes") },
                ]}
                {...field}
              />
            )}
          />
          <Controller
            control={control}
            name="pregnancy"
            render={({ field }) => (
              <Select
                label={t("Pregnancy")}
                allowDeselect={false}
                data={[
                  { value: "unasked", label: t("Not asked") },
                  ...PREGNANCY.map((value) => ({ value, label: PREGNANCY_WORDS[value] })),
                ]}
                {...field}
              />
            )}
          />
        </div>
        {watch("screened") === "some" && (
          <Textarea
            label={t("Which implants")}
            description={t("One a line, with its conditions for MR")}
            autosize
            minRows={1}
            {...register("implants")}
            error={error("implants")}
          />
        )}
        <div className={page.pair}>
          <Textarea
            label={t("Allergies")}
            placeholder={t("Contrast agent, latex")}
            description={t("One a line")}
            autosize
            minRows={1}
            {...register("allergies")}
            error={error("allergies")}
          />
          <Textarea
            label={t("Alerts")}
            placeholder={t("Infection, claustrophobia")}
            description={t("One a line")}
            autosize
            minRows={1}
            {...register("medical_alerts")}
            error={error("medical_alerts")}
          />
        </div>
        <Textarea label={t("Comment")} autosize minRows={2} {...register("comment")} />
        <ErrorLine error={save.error} />
        <div className={`${page.formEnd} ${page.formEndInSight}`}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {patient ? t("Save") : t("Register")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
