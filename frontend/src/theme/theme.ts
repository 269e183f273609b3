import {
  Button,
  Checkbox,
  Input,
  createTheme,
  type CSSVariablesResolver,
  localStorageColorSchemeManager,
  Modal,
  PasswordInput,
  Select,
  Textarea,
  TextInput,
  Tooltip,
} from "@mantine/core";

import { t } from "../i18n";

export const colorSchemeManager = localStorageColorSchemeManager({ key: "scanhub-color-scheme" });

const field = { defaultProps: { size: "sm" } };

export const theme = createTheme({
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--font-mono)",
  fontSizes: { xs: "13px", sm: "13px", md: "13px", lg: "15px", xl: "15px" },
  headings: { fontFamily: "var(--font)" },
  defaultRadius: 4,
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 6 },
  colors: {
    accent: [
      "#eef1ff",
      "#dbe1ff",
      "#b9c4ff",
      "#a3b2ff",
      "#8fa3ff",
      "#6b82f5",
      "#4f66e6",
      "#4259d6",
      "#364bbd",
      "#2a3b99",
    ],
  },
  respectReducedMotion: true,
  components: {
    Button: Button.extend({
      styles: { root: { height: "var(--touch)", fontWeight: 600 } },
    }),
    Input: Input.extend({ classNames: { input: "field" } }),
    InputWrapper: Input.Wrapper.extend({
      // Nearly every field is required: what may stay empty is the exception.
      defaultProps: { withAsterisk: false },
      classNames: { label: "field-label", error: "field-note", description: "field-note" },
    }),
    Checkbox: Checkbox.extend({ classNames: { input: "box" } }),
    TextInput: TextInput.extend(field),
    PasswordInput: PasswordInput.extend({
      ...field,
      defaultProps: {
        ...field.defaultProps,
        visibilityToggleButtonProps: { "aria-label": t("Show what is typed") },
      },
    }),
    Select: Select.extend({ ...field, classNames: { dropdown: "dropdown" } }),
    Textarea: Textarea.extend({ defaultProps: { size: "sm" } }),
    // Overlays leave the patient banner and the device strip uncovered and clickable.
    Modal: Modal.extend({
      defaultProps: {
        centered: true,
        lockScroll: false,
        transitionProps: { duration: 80 },
        overlayProps: { backgroundOpacity: 0.55 },
        closeButtonProps: { "aria-label": t("Close"), size: 40, iconSize: 18 },
      },
      classNames: {
        overlay: "overlay-area",
        inner: "overlay-area",
        content: "dialog",
        header: "dialog",
        title: "dialog-title",
      },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 350, withArrow: true } }),
  },
});

const shared = {
  "--mantine-color-body": "var(--bg)",
  "--mantine-color-text": "var(--ink)",
  "--mantine-color-dimmed": "var(--ink-dim)",
  "--mantine-color-placeholder": "var(--ink-faint)",
  "--mantine-color-anchor": "var(--accent)",
  "--mantine-color-default": "var(--panel)",
  "--mantine-color-default-hover": "var(--hover)",
  "--mantine-color-default-color": "var(--ink)",
  "--mantine-color-default-border": "var(--line-strong)",
  "--mantine-color-error": "var(--status-fault)",
  "--mantine-primary-color-filled": "var(--accent-fill)",
  "--mantine-primary-color-filled-hover": "var(--accent-fill-hover)",
};

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: shared,
  dark: shared,
});
