"""The elements of R4 that an order is made of, as a table: name, type, cardinality, required value set, types a reference may point to.

FHIR R4 (4.0.1; R4B is the same here): 2.24 data types, 2.25 metadata types, and the resources that are read. A word of the table is
``name:type``, then ``!`` (1..1), ``*`` (0..*), ``+`` (1..*) or nothing (0..1), then ``=value-set`` where the binding is required.
``dose[x]:Range|SimpleQuantity`` is a choice: ``doseRange`` or ``doseQuantity``, never both.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_ELEMENT = "id:string extension:Extension*"
_BACKBONE = f"{_ELEMENT} modifierExtension:Extension*"
_RESOURCE = (
    "resourceType:code! id:id meta:Meta implicitRules:uri language:code text:Narrative contained:Resource* "
    "extension:Extension* modifierExtension:Extension*"
)
_QUANTITY = "value:decimal comparator:code=quantity-comparator unit:string system:uri code:code"
_OBSERVED = "Quantity|CodeableConcept|string|boolean|integer|Range|Ratio|SampledData|time|dateTime|Period"

_EXTENSION_VALUES = (
    "base64Binary|boolean|canonical|code|date|dateTime|decimal|id|instant|integer|markdown|oid|positiveInt|string|time|unsignedInt|uri|url|uuid|"
    "Address|Age|Annotation|Attachment|CodeableConcept|Coding|ContactPoint|Count|Distance|Duration|HumanName|Identifier|Money|Period|Quantity|"
    "Range|Ratio|Reference|SampledData|Signature|Timing|ContactDetail|Contributor|DataRequirement|Expression|ParameterDefinition|"
    "RelatedArtifact|TriggerDefinition|UsageContext|Dosage|Meta|CodeableReference|RatioRange"  # the last two: R4B only
)

_DATA_TYPES = {
    "Extension": f"url:uri! value[x]:{_EXTENSION_VALUES}",
    "Narrative": "status:code!=narrative-status div:xhtml!",
    "Meta": "versionId:id lastUpdated:instant source:uri profile:canonical* security:Coding* tag:Coding*",
    "Coding": "system:uri version:string code:code display:string userSelected:boolean",
    "CodeableConcept": "coding:Coding* text:string",
    "Quantity": _QUANTITY,
    "SimpleQuantity": _QUANTITY,
    "Age": _QUANTITY,
    "Count": _QUANTITY,
    "Distance": _QUANTITY,
    "Duration": _QUANTITY,
    "Money": "value:decimal currency:code",
    "Range": "low:SimpleQuantity high:SimpleQuantity",
    "Ratio": "numerator:Quantity denominator:Quantity",
    "Period": "start:dateTime end:dateTime",
    "SampledData": "origin:SimpleQuantity! period:decimal! factor:decimal lowerLimit:decimal upperLimit:decimal dimensions:positiveInt! data:string",
    "Identifier": "use:code=identifier-use type:CodeableConcept system:uri value:string period:Period assigner:Reference(Organization)",
    "Reference": "reference:string type:uri identifier:Identifier display:string",
    "Annotation": "author[x]:Reference(Practitioner|Patient|RelatedPerson|Organization)|string time:dateTime text:markdown!",
    "HumanName": "use:code=name-use text:string family:string given:string* prefix:string* suffix:string* period:Period",
    "ContactPoint": "system:code=contact-point-system value:string use:code=contact-point-use rank:positiveInt period:Period",
    "Address": (
        "use:code=address-use type:code=address-type text:string line:string* city:string district:string state:string postalCode:string "
        "country:string period:Period"
    ),
    "Attachment": (
        "contentType:code language:code data:base64Binary url:url size:unsignedInt hash:base64Binary title:string creation:dateTime"
    ),
    "Timing.repeat": (
        "bounds[x]:Duration|Range|Period count:positiveInt countMax:positiveInt duration:decimal durationMax:decimal "
        "durationUnit:code=units-of-time frequency:positiveInt frequencyMax:positiveInt period:decimal periodMax:decimal "
        "periodUnit:code=units-of-time dayOfWeek:code*=days-of-week timeOfDay:time* when:code*=event-timing offset:unsignedInt"
    ),
    "Dosage.doseAndRate": "type:CodeableConcept dose[x]:Range|SimpleQuantity rate[x]:Ratio|Range|SimpleQuantity",
}

_BACKBONES = {
    "Timing": "event:dateTime* repeat:Timing.repeat code:CodeableConcept",
    "Dosage": (
        "sequence:integer text:string additionalInstruction:CodeableConcept* patientInstruction:string timing:Timing "
        "asNeeded[x]:boolean|CodeableConcept site:CodeableConcept route:CodeableConcept method:CodeableConcept "
        "doseAndRate:Dosage.doseAndRate* maxDosePerPeriod:Ratio maxDosePerAdministration:SimpleQuantity maxDosePerLifetime:SimpleQuantity"
    ),
    "MedicationRequest.dispenseRequest": (
        "initialFill:MedicationRequest.dispenseRequest.initialFill dispenseInterval:Duration validityPeriod:Period "
        "numberOfRepeatsAllowed:unsignedInt quantity:SimpleQuantity expectedSupplyDuration:Duration performer:Reference(Organization)"
    ),
    "MedicationRequest.dispenseRequest.initialFill": "quantity:SimpleQuantity duration:Duration",
    "MedicationRequest.substitution": "allowed[x]:boolean|CodeableConcept! reason:CodeableConcept",
    "Medication.ingredient": "item[x]:CodeableConcept|Reference(Substance|Medication)! isActive:boolean strength:Ratio",
    "Medication.batch": "lotNumber:string expirationDate:dateTime",
    "Substance.instance": "identifier:Identifier expiry:dateTime quantity:SimpleQuantity",
    "Substance.ingredient": "quantity:Ratio substance[x]:CodeableConcept|Reference(Substance)!",
    "Observation.referenceRange": (
        "low:SimpleQuantity high:SimpleQuantity type:CodeableConcept appliesTo:CodeableConcept* age:Range text:string"
    ),
    "Observation.component": (
        f"code:CodeableConcept! value[x]:{_OBSERVED} dataAbsentReason:CodeableConcept interpretation:CodeableConcept* "
        "referenceRange:Observation.referenceRange*"
    ),
    "Patient.contact": (
        "relationship:CodeableConcept* name:HumanName telecom:ContactPoint* address:Address gender:code=administrative-gender "
        "organization:Reference(Organization) period:Period"
    ),
    "Patient.communication": "language:CodeableConcept! preferred:boolean",
    "Patient.link": "other:Reference(Patient|RelatedPerson)! type:code!=link-type",
}

_RESOURCES = {
    "MedicationRequest": (
        "identifier:Identifier* status:code!=medicationrequest-status statusReason:CodeableConcept intent:code!=medicationrequest-intent "
        "category:CodeableConcept* priority:code=request-priority doNotPerform:boolean "
        "reported[x]:boolean|Reference(Patient|Practitioner|PractitionerRole|RelatedPerson|Organization) "
        "medication[x]:CodeableConcept|Reference(Medication)! subject:Reference(Patient|Group)! encounter:Reference(Encounter) "
        "supportingInformation:Reference* authoredOn:dateTime "
        "requester:Reference(Practitioner|PractitionerRole|Organization|Patient|RelatedPerson|Device) "
        "performer:Reference(Practitioner|PractitionerRole|Organization|Patient|Device|RelatedPerson|CareTeam) performerType:CodeableConcept "
        "recorder:Reference(Practitioner|PractitionerRole) reasonCode:CodeableConcept* reasonReference:Reference(Condition|Observation)* "
        "instantiatesCanonical:canonical* instantiatesUri:uri* "
        "basedOn:Reference(CarePlan|MedicationRequest|ServiceRequest|ImmunizationRecommendation)* groupIdentifier:Identifier "
        "courseOfTherapyType:CodeableConcept insurance:Reference(Coverage|ClaimResponse)* note:Annotation* dosageInstruction:Dosage* "
        "dispenseRequest:MedicationRequest.dispenseRequest substitution:MedicationRequest.substitution "
        "priorPrescription:Reference(MedicationRequest) detectedIssue:Reference(DetectedIssue)* eventHistory:Reference(Provenance)*"
    ),
    "Medication": (
        "identifier:Identifier* code:CodeableConcept status:code=medication-status manufacturer:Reference(Organization) form:CodeableConcept "
        "amount:Ratio ingredient:Medication.ingredient* batch:Medication.batch"
    ),
    "Substance": (
        "identifier:Identifier* status:code=substance-status category:CodeableConcept* code:CodeableConcept! description:string "
        "instance:Substance.instance* ingredient:Substance.ingredient*"
    ),
    "Observation": (
        "identifier:Identifier* basedOn:Reference(CarePlan|DeviceRequest|ImmunizationRecommendation|MedicationRequest|NutritionOrder|ServiceRequest)* "
        "partOf:Reference(MedicationAdministration|MedicationDispense|MedicationStatement|Procedure|Immunization|ImagingStudy)* "
        "status:code!=observation-status category:CodeableConcept* code:CodeableConcept! "
        "subject:Reference(Patient|Group|Device|Location|Organization|Procedure|Practitioner|Medication|Substance) "  # the last five: R4B only
        "focus:Reference* encounter:Reference(Encounter) effective[x]:dateTime|Period|Timing|instant issued:instant "
        "performer:Reference(Practitioner|PractitionerRole|Organization|CareTeam|Patient|RelatedPerson)* "
        f"value[x]:{_OBSERVED} dataAbsentReason:CodeableConcept interpretation:CodeableConcept* note:Annotation* bodySite:CodeableConcept "
        "method:CodeableConcept specimen:Reference(Specimen) device:Reference(Device|DeviceMetric) "
        "referenceRange:Observation.referenceRange* hasMember:Reference(Observation|QuestionnaireResponse|MolecularSequence)* "
        "derivedFrom:Reference(DocumentReference|ImagingStudy|Media|QuestionnaireResponse|Observation|MolecularSequence)* "
        "component:Observation.component*"
    ),
    "Patient": (
        "identifier:Identifier* active:boolean name:HumanName* telecom:ContactPoint* gender:code=administrative-gender birthDate:date "
        "deceased[x]:boolean|dateTime address:Address* maritalStatus:CodeableConcept multipleBirth[x]:boolean|integer photo:Attachment* "
        "contact:Patient.contact* communication:Patient.communication* "
        "generalPractitioner:Reference(Organization|Practitioner|PractitionerRole)* managingOrganization:Reference(Organization) "
        "link:Patient.link*"
    ),
}

VALUE_SETS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(codes.split())
        for name, codes in {
            "medicationrequest-status": "active on-hold cancelled completed entered-in-error stopped draft unknown",
            "medicationrequest-intent": "proposal plan order original-order reflex-order filler-order instance-order option",
            "request-priority": "routine urgent asap stat",
            "units-of-time": "s min h d wk mo a",
            "days-of-week": "mon tue wed thu fri sat sun",
            "event-timing": (
                "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS "
                "HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV"
            ),
            "quantity-comparator": "< <= >= >",
            "identifier-use": "usual official temp secondary old",
            "narrative-status": "generated extensions additional empty",
            "medication-status": "active inactive entered-in-error",
            "substance-status": "active inactive entered-in-error",
            "observation-status": "registered preliminary final amended corrected cancelled entered-in-error unknown",
            "administrative-gender": "male female other unknown",
            "link-type": "replaced-by replaces refer seealso",
            "name-use": "usual official temp nickname anonymous old maiden",
            "contact-point-system": "phone fax email pager url sms other",
            "contact-point-use": "home work temp old mobile",
            "address-use": "home work temp old billing",
            "address-type": "postal physical both",
        }.items()
    }
)
"""The required bindings of R4 that the table names."""

DOSE_RATE_TYPE = "http://terminology.hl7.org/CodeSystem/dose-rate-type"
DOSE_RATE_TYPES = frozenset({"ordered", "calculated"})

_RESOURCE_TYPES = """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct
    BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression
    CodeSystem Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement
    DiagnosticReport DocumentManifest DocumentReference Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition
    Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse
    HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library
    Linkage List Location Measure MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest
    MedicationStatement MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition
    OperationDefinition OperationOutcome Organization OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person
    PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup
    ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment Schedule SearchParameter ServiceRequest Slot Specimen
    SpecimenDefinition StructureDefinition StructureMap Subscription Substance SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport
    TestScript ValueSet VerificationResult VisionPrescription
"""
RESOURCE_TYPES = frozenset(_RESOURCE_TYPES.split())
"""The resource types that R4 and R4B both have; a contained resource of another type is refused."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element under its JSON name. ``group`` is the name as R4 prints it (``dose[x]`` for ``doseQuantity``); of a group one may be there.

    ``type`` is a key of ``TYPES``, a primitive, ``Resource``, or a data type that is not in the table (then only its JSON shape is judged).
    ``targets`` empty: a reference to any resource.
    """

    name: str
    type: str
    group: str
    many: bool
    required: bool
    codes: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()


_WORD = re.compile(r"(?P<name>\w+)(?P<choice>\[x\])?:(?P<types>[\w.|()]+)(?P<card>[!*+]?)(?:=(?P<codes>[\w-]+))?")
_TYPE = re.compile(r"(?P<type>[\w.]+)(?:\((?P<targets>[^)]+)\))?")


def _elements(words: str) -> Iterator[Element]:
    for word in words.split():
        match = _WORD.fullmatch(word)
        if match is None:
            raise ValueError(f"not a word of the table: {word}")
        name, card = match["name"], match["card"]
        for one in _TYPE.finditer(match["types"]):
            suffix = "Quantity" if one["type"] == "SimpleQuantity" else one["type"][0].upper() + one["type"][1:]
            yield Element(
                name=name + suffix if match["choice"] else name,
                type=one["type"],
                group=f"{name}[x]" if match["choice"] else name,
                many=card in ("*", "+"),
                required=card in ("!", "+"),
                codes=VALUE_SETS[match["codes"]] if match["codes"] else frozenset(),
                targets=frozenset((one["targets"] or "").split("|")) - {""},
            )


def _table() -> Iterator[tuple[str, Mapping[str, Element]]]:
    for base, types in ((_ELEMENT, _DATA_TYPES), (_BACKBONE, _BACKBONES), (_RESOURCE, _RESOURCES)):
        for name, words in types.items():
            yield name, MappingProxyType({element.name: element for element in _elements(f"{base} {words}")})


TYPES: Mapping[str, Mapping[str, Element]] = MappingProxyType(dict(_table()))
"""Type → JSON name → element."""

REQUIRED_GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        kind: {
            element.group: tuple(other.name for other in elements.values() if other.group == element.group)
            for element in elements.values()
            if element.required
        }
        for kind, elements in TYPES.items()
    }
)
"""Type → each element that must be there → the JSON names it may have."""
