"""Which elements say who and in which study: they are the same in all that is made of a series."""

import hashlib

from pydicom.dataset import Dataset

_KEY_LENGTH = 32

PATIENT = frozenset(
    (
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "IssuerOfPatientIDQualifiersSequence",
        "TypeOfPatientID",
        "PatientBirthDate",
        "PatientBirthTime",
        "PatientSex",
        "OtherPatientIDs",
        "OtherPatientIDsSequence",
        "OtherPatientNames",
        "PatientBirthName",
        "PatientMotherBirthName",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "PatientTelecomInformation",
        "PatientAge",
        "PatientSize",
        "PatientWeight",
        "PatientComments",
        "PatientSpeciesDescription",
        "PatientSpeciesCodeSequence",
        "PatientBreedDescription",
        "PatientBreedCodeSequence",
        "BreedRegistrationSequence",
        "ResponsiblePerson",
        "ResponsiblePersonRole",
        "ResponsibleOrganization",
        "EthnicGroup",
        "EthnicGroupCodeSequence",
        "Occupation",
        "AdditionalPatientHistory",
        "PregnancyStatus",
        "SmokingStatus",
        "LastMenstrualDate",
        "MedicalAlerts",
        "Allergies",
        "PatientState",
        "SpecialNeeds",
        "PatientInsurancePlanCodeSequence",
        "MilitaryRank",
        "BranchOfService",
        "CountryOfResidence",
        "RegionOfResidence",
        "PatientReligiousPreference",
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "QualityControlSubject",
        "StrainDescription",
        "PatientSexNeutered",
    )
)
"""Patient (PS3.3 C.7.1.1), and of Patient Study (C.7.2.2) what is the patient's own."""

STUDY = frozenset(
    (
        "StudyInstanceUID",
        "StudyID",
        "StudyDate",
        "StudyTime",
        "StudyDescription",
        "AccessionNumber",
        "IssuerOfAccessionNumberSequence",
        "ReferringPhysicianName",
        "ReferringPhysicianIdentificationSequence",
        "ConsultingPhysicianName",
        "PhysiciansOfRecord",
        "PhysiciansOfRecordIdentificationSequence",
        "NameOfPhysiciansReadingStudy",
        "RequestingService",
        "RequestingServiceCodeSequence",
        "ReferencedStudySequence",
        "ProcedureCodeSequence",
        "ReasonForPerformedProcedureCodeSequence",
        "TimezoneOffsetFromUTC",
        "AdmissionID",
        "IssuerOfAdmissionIDSequence",
        "AdmittingDiagnosesDescription",
        "AdmittingDiagnosesCodeSequence",
        "ServiceEpisodeID",
        "ServiceEpisodeDescription",
        "ClinicalTrialSponsorName",
        "ClinicalTrialProtocolID",
        "ClinicalTrialProtocolName",
        "ClinicalTrialSiteID",
        "ClinicalTrialSiteName",
        "ClinicalTrialSubjectID",
        "ClinicalTrialSubjectReadingID",
        "ClinicalTrialTimePointID",
        "ClinicalTrialTimePointDescription",
    )
)
"""General Study (PS3.3 C.7.2.1), the visit, and the clinical trial (C.7.1.3, C.7.2.3)."""

VISIT = frozenset(
    (
        "AccessionNumber",
        "IssuerOfAccessionNumberSequence",
        "StudyID",
        "AdmissionID",
        "IssuerOfAdmissionIDSequence",
        "ServiceEpisodeID",
        "ReferringPhysicianIdentificationSequence",
        "ReferringPhysicianAddress",
        "ReferringPhysicianTelephoneNumbers",
        "RequestAttributesSequence",
        "ReferencedRequestSequence",
        "ClinicalTrialSubjectID",
        "ClinicalTrialSubjectReadingID",
        "PhysiciansOfRecordIdentificationSequence",
        "PerformingPhysicianIdentificationSequence",
        "OperatorIdentificationSequence",
    )
)
"""What leads to one visit of one patient, beside names."""


def patient_key(dataset: Dataset) -> str:
    """Return what tells a patient from others, and names none.

    It is derived from PatientID with its issuer; without one from name, birth date and sex; and
    from the study when there are none of these either.
    """
    patient_id = str(dataset.get("PatientID") or "").strip()
    if patient_id:
        parts = ["id", patient_id, str(dataset.get("IssuerOfPatientID") or "")]
    else:
        parts = [str(dataset.get(k) or "") for k in ("PatientName", "PatientBirthDate")]
        parts = ["person", *parts, str(dataset.get("PatientSex") or "")]
        if not parts[1]:
            parts = ["study", str(dataset.StudyInstanceUID)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_KEY_LENGTH]
