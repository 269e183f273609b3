"""The clinical record: users, patients, exams, workflows, tasks, results, sequences."""
