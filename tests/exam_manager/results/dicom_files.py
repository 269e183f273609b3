"""A DICOM image, small and whole."""

import io

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage


def dicom(**changes) -> bytes:
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, pydicom.uid.generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.SeriesDescription = "Wrong", "0", "GRE"
    dataset.PixelData, dataset["PixelData"].VR = bytes(range(256)), "OW"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
