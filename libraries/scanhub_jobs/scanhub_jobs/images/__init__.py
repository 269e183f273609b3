"""The images of a session: patients, studies, series, and what their headers say."""
